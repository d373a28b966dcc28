"""What a user said about a merge, checked; and what it means for one tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from taskvec.errors import CompositionError
from taskvec.methods.options import SEMANTICS, MergeOptions
from taskvec.parameter import Parameter, Plain, Unset, canonical, raising

Given = Any
"""A number, a flag, a word, one number a vector; or a function from a tensor's name to one of these."""

OfTensor = Callable[[str], Plain]


@dataclass(frozen=True)
class Settings:
    """The options of one merge of T vectors, by name; those that are functions are asked for each tensor.

    Attributes:
        method: What the method is called.
        options: The class of its options.
        parameters: Those of them that users may give, in order.
        names: What the T vectors are called.
        given: Canonical name → value or function.
    """

    method: str
    options: type[MergeOptions]
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    given: Mapping[str, Given]

    @classmethod
    def of(
        cls,
        method: str,
        options: type[MergeOptions],
        parameters: tuple[Parameter, ...],
        names: Iterable[str],
        given: Mapping[str, Given],
    ) -> Settings:
        """Check names and values.

        Args:
            method: What the method is called.
            options: The class of its options.
            parameters: Those of them that users may give, in order.
            names: What the T vectors are called.
            given: Name → value or function.

        Returns:
            The settings; values that are functions are checked when they are asked.
        """
        with raising(CompositionError):
            settings = cls(method, options, parameters, tuple(names), canonical(method, parameters, given))
        constant = {name: value for name, value in settings.given.items() if not callable(value)}
        settings._resolved("", constant, is_complete=not settings.varies)
        if not settings.varies:
            settings.at("")
        return settings

    def at(self, tensor: str) -> Any:
        """Return the options for one tensor, an instance of the class of options.

        Args:
            tensor: Its name.

        Returns:
            The options.

        Raises:
            CompositionError: If a value is none that the method can take, or values do not go together.
        """
        key = tensor if self.varies else ""
        if key not in self._known:
            self._known[key] = self._options_at(key)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[str, Any]:
        """The options that were asked for: a merge asks for every part of a tensor again."""
        return {}

    def _options_at(self, tensor: str) -> Any:
        given = {name: value(tensor) if callable(value) else value for name, value in self.given.items()}
        resolved: dict[str, Any] = dict(self._resolved(tensor, given))
        options = self.options(**resolved)
        problem = options.problem()
        if problem:
            raise CompositionError(f"{self.method}: {problem}")
        return options

    @cached_property
    def varies(self) -> bool:
        """Whether an option may differ between tensors."""
        return any(callable(value) for value in self.given.values())

    @property
    def text(self) -> str:
        """The given options as an expression has them, in the order in which the method declares them."""
        known = [parameter.name for parameter in self.parameters]
        return ", ".join(f"{name}={_text(self.given[name])}" for name in known if name in self.given)

    def _resolved(self, tensor: str, given: Mapping[str, Given], *, is_complete: bool = True) -> dict[str, Plain]:
        semantics = str(given.get("semantics", SEMANTICS[0]))
        where = f"{self.method} of tensor {tensor}" if tensor and self.varies else self.method
        resolved: dict[str, Plain] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default_for(semantics))
            if value is Unset.REQUIRED:
                if not is_complete:
                    continue
                name = parameter.name
                raise CompositionError(f"{self.method}: needs {name} ({parameter.doc}): add {name}=…")
            with raising(CompositionError):
                resolved[parameter.name] = parameter.checked(value, where, self.names)
        return resolved


def _text(value: Given) -> str:
    if callable(value):
        return "…"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, str):
        return value
    return f"[{', '.join(map(_text, value))}]"
