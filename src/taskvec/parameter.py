"""What an option of a method is: its kind, its default, its range, its meaning; said once, where it is declared.

A class of options is a frozen dataclass of fields made by :func:`number`, :func:`count`, :func:`flag`, :func:`word` and
:func:`task`. Its docstring, the command line, the pages and all checks follow from these.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, field
from enum import Enum
from typing import Any, Literal

from taskvec.errors import TaskvecError
from taskvec.registry import hint

Kind = Literal["number", "count", "flag", "word", "task"]
Plain = float | int | bool | str | tuple[float, ...] | None

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class OptionError(TaskvecError):
    """An option that a method cannot take; :func:`raising` makes it the error of whoever asked for the method."""


@contextmanager
def raising(error: type[TaskvecError]) -> Generator[None]:
    """Raise what is said of options within as an error of some class."""
    try:
        yield
    except OptionError as problem:
        raise error(str(problem)) from None


class Unset(Enum):
    """Stands for what nobody gave."""

    REQUIRED = "required"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of numbers; a bound of None is none.

    Attributes:
        above: All are greater.
        least: All are at least this.
        below: All are less.
        most: All are at most this.
    """

    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None

    def hold(self, value: float) -> bool:
        """Return whether a number is within."""
        return (
            (self.above is None or value > self.above)
            and (self.least is None or value >= self.least)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )

    def __str__(self) -> str:
        said = (("above", self.above), ("at least", self.least), ("below", self.below), ("at most", self.most))
        return " and ".join(f"{word} {bound:g}" for word, bound in said if bound is not None)


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option of a method.

    Attributes:
        kind: What its value is.
        doc: What it does, in one line.
        default: Its value if not given; REQUIRED where it must be.
        mergekit: The default under ``semantics=mergekit``; SAME where mergekit has the same or no such parameter.
        per_vector: Whether each vector has its own; one number then stands for all.
        bounds: Where a number must be.
        choices: The words that it may be.
        alias: Another name for it.
        example: A number to show where it must be given.
        name: How users call it.
    """

    kind: Kind
    doc: str
    default: Plain | Unset
    mergekit: Plain | Unset = Unset.SAME
    per_vector: bool = False
    bounds: Bounds = Bounds()
    choices: tuple[str, ...] = ()
    alias: str | None = None
    example: float | None = None
    name: str = ""

    @property
    def ours(self) -> Parameter:
        """The same, of a method that mergekit lacks."""
        return dataclasses.replace(self, mergekit=Unset.SAME)

    def default_for(self, semantics: str) -> Plain | Unset:
        """Return the default under given semantics."""
        return self.mergekit if semantics == "mergekit" and self.mergekit is not Unset.SAME else self.default

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is Unset.REQUIRED

    def shown_default(self, semantics: str = "paper") -> Plain:
        """Return the default under given semantics as plain data; None where it must be given, or stands for itself."""
        default = self.default_for(semantics)
        return None if isinstance(default, Unset) else default

    def shown_example(self, num_vectors: int) -> str:
        """Return how its example is written in a call of some vectors, each of which may have its own."""
        one = self.example or 1.0
        shown = f"[{', '.join(f'{one * (t + 1):g}' for t in range(num_vectors))}]" if self.per_vector else f"{one:g}"
        return f"{self.name}={shown}"

    def read(self, text: str) -> object:
        """Return what a text means as a value of this kind; the text itself where it means none."""
        if self.kind == "flag":
            return _FLAGS.get(text.lower(), text)
        if self.kind in {"number", "count"}:
            try:
                return int(text) if text.lstrip("+-").isdecimal() else float(text)
            except ValueError:
                return text
        return text

    def checked(self, value: object, method: str, names: Sequence[str] = ()) -> Plain:
        """Return a value as the method takes it; one number for all vectors becomes one for each.

        Args:
            value: What was given.
            method: Whose option it is, for messages.
            names: What the T vectors are called.

        Returns:
            The value.

        Raises:
            OptionError: If it is of another kind, out of range, or a list of another length.
        """
        if self.per_vector and value is not None:
            many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value] * len(names)
            if len(many) != len(names):
                raise OptionError(
                    f"{method}: {self.name} has {len(many)} numbers for {len(names)} task vectors: give one for each, "
                    "or one for all"
                )
            return tuple(self._number(one, method) for one in many)
        return self._one(value, method, names)

    def _one(self, value: object, method: str, names: Sequence[str]) -> Plain:
        if value is None and self.default is None:
            return None
        if self.kind == "flag":
            if value not in {True, False}:
                raise self._wrong(value, method, "true or false")
            return bool(value)
        if self.kind in {"word", "task"}:
            choices = tuple(names) if self.kind == "task" else self.choices
            if not isinstance(value, str) or value not in choices:
                raise self._wrong(value, method, f"one of {', '.join(choices)}")
            return value
        return self._number(value, method)

    def _number(self, value: object, method: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(value, method, "a number")
        if not math.isfinite(value) or not self.bounds.hold(value):
            raise self._wrong(value, method, str(self.bounds) or "a finite number")
        if self.kind == "count":
            if value != int(value):
                raise self._wrong(value, method, "a whole number")
            return int(value)
        return float(value)

    def _wrong(self, value: object, method: str, expected: str) -> OptionError:
        shown = f"{value:g}" if isinstance(value, float) else value
        like = self.default if self.default not in {None, Unset.REQUIRED} else None
        example = f", such as {self.name}={str(like).lower() if isinstance(like, bool) else like}" if like else ""
        return OptionError(f"{method}: {self.name} is {shown}, expected {expected}{example}")


def number(
    default: float | Unset | None,
    doc: str,
    *,
    per_vector: bool = False,
    mergekit: float | Unset = Unset.SAME,
    alias: str | None = None,
    example: float | None = None,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Any:
    """Declare an option that is a number."""
    bounds = Bounds(above, least, below, most)
    return _declared(
        Parameter(
            "number",
            doc,
            default,
            mergekit=mergekit,
            per_vector=per_vector,
            bounds=bounds,
            alias=alias,
            example=example,
        )
    )


def count(default: int | Unset, doc: str, *, least: int | None = 0, mergekit: int | Unset = Unset.SAME) -> Any:
    """Declare an option that is a whole number."""
    return _declared(Parameter("count", doc, default, mergekit=mergekit, bounds=Bounds(least=least)))


def flag(default: bool, doc: str, *, mergekit: bool | Unset = Unset.SAME) -> Any:
    """Declare an option that is true or false."""
    return _declared(Parameter("flag", doc, default, mergekit=mergekit))


def word(default: str, doc: str, *, choices: Sequence[str]) -> Any:
    """Declare an option that is one of some words."""
    return _declared(Parameter("word", doc, default, choices=tuple(choices)))


def task(doc: str) -> Any:
    """Declare an option that names one of the task vectors, or none."""
    return _declared(Parameter("task", doc, None))


def _declared(parameter: Parameter) -> Any:
    has_default = not parameter.is_required and not parameter.per_vector  # which is one for each of T, not known here
    return field(kw_only=True, default=parameter.default if has_default else MISSING, metadata={"parameter": parameter})


class Options:
    """A class of options: its docstring goes on with what each of its own fields does."""

    def __init_subclass__(cls) -> None:
        own = [(name, value.metadata["parameter"]) for name, value in vars(cls).items() if _is_declared(value)]
        if own:
            said = "\n".join(f"    {name}: {parameter.doc}." for name, parameter in own)
            cls.__doc__ = f"{cls.__doc__}\n\nAttributes:\n{said}\n"

    def problem(self) -> str | None:
        """Say which values do not go together, each being in its own range; None where all do."""
        return None


def _is_declared(value: object) -> bool:
    return isinstance(value, Field) and "parameter" in value.metadata


def canonical(method: str, known: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given under the names that the options have.

    Args:
        method: Whose options they are, for messages.
        known: The options.
        given: Name, or another name, → value.

    Returns:
        Name → value.

    Raises:
        OptionError: If there is no such option, or one is given under two names.
    """
    names = {parameter.name: parameter.name for parameter in known}
    aliases = {parameter.alias: parameter.name for parameter in known if parameter.alias}
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = {**names, **aliases}.get(name)
        if own is None:
            listed = ", ".join(names) or "none"
            raise OptionError(f"{method} takes no option {name!r}{hint(name, [*names, *aliases])}: it takes {listed}")
        if own in found:
            raise OptionError(f"{method}: {own} is given twice, also as {name}: remove one")
        found[own] = value
    return found


def parameters_of(options: type) -> tuple[Parameter, ...]:
    """Return the parameters that a class of options declares, in order."""
    return tuple(dataclasses.replace(one.metadata["parameter"], name=one.name) for one in dataclasses.fields(options))
