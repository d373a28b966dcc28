"""The record of a merge method: all that the engine, the command line, recipes and pages know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taskvec.errors import CompositionError
from taskvec.methods.arrays import doubles, stacked
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Combination, Either, Formula, Needs, Rule
from taskvec.methods.settings import Given, Settings
from taskvec.parameter import Parameter, parameters_of

_NUMBERS = {1: "one", 2: "two", 3: "three"}
_LETTERS = ("a", "b", "c")


class Takes(StrEnum):
    """What is merged: differences from the base, or whole models, which a change of base does not alter."""

    DELTAS = "deltas"
    POINTS = "points"


@dataclass(frozen=True)
class Mergekit:
    """That mergekit has a method too, and how.

    Attributes:
        differs: Where its definition is another; "" where it is the same.
        ignored: Its parameters that change nothing here.
    """

    differs: str = ""
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A way to merge task vectors; called on arrays, it is its own definition in float64.

    Attributes:
        name: How users call it.
        rule: What it computes.
        options: The class of its options.
        summary: What it does, in one line.
        formula: The same in the paper's letters.
        paper: Where it comes from.
        when: When to use it.
        takes: Whether deltas or whole models are merged.
        min_inputs: The fewest vectors.
        max_inputs: The most vectors; None for any number.
        needs_base: Whether it has no meaning without a base.
        mergekit: How mergekit has it; None where it has no such method, which then takes no ``semantics``.
    """

    name: str
    rule: Rule
    options: type[MergeOptions]
    summary: str
    formula: str
    paper: str
    when: str
    takes: Takes = Takes.DELTAS
    min_inputs: int = 1
    max_inputs: int | None = None
    needs_base: bool = True
    mergekit: Mergekit | None = None

    def __repr__(self) -> str:
        return f"<Method {self.name}: {self.summary}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel by name to another process, which finds the same record by its file."""
        from taskvec.methods import METHODS

        is_found = self.name in METHODS and METHODS[self.name] is self
        return (_of_name, (self.name,)) if is_found else super().__reduce__()

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its options, in order."""
        declared = parameters_of(self.options)
        return declared if self.mergekit else tuple(one.ours for one in declared if one.name != "semantics")

    @property
    def needs(self) -> Needs:
        """What must be known before the first element, where nothing but what must be is given."""
        return self.needs_with()

    def needs_with(self, **given: Given) -> Needs:
        """Return what must be known before the first element with some options, the others being as in the papers.

        Args:
            **given: The options by name; for one that must be given and is not, its example stands.

        Returns:
            What is needed.
        """
        usual = {one.name: one.example if one.is_required else one.default for one in self.parameters}
        options = self.settings(_LETTERS[: self.min_inputs], {**usual, **given}).at("")
        return self.rule_for(options).needs(options)

    def rule_for(self, options: Any) -> Combination[Any] | Formula[Any, Any]:
        """Return the rule that given options ask for."""
        if isinstance(self.rule, Either):
            return self.rule.first if self.rule.asked(options) else self.rule.second
        return self.rule

    def settings(self, names: Sequence[str], given: Mapping[str, Given]) -> Settings:
        """Check what a user says about a merge of some vectors.

        Args:
            names: What the T vectors are called.
            given: The options by name.

        Returns:
            The settings.

        Raises:
            CompositionError: If there are too few or too many vectors, or an option is not what it must be.
        """
        if len(names) < self.min_inputs or (self.max_inputs is not None and len(names) > self.max_inputs):
            raise CompositionError(
                f"{self.name}: expected {self.inputs}, found {len(names)}: write it as {self.example}"
            )
        return Settings.of(self.name, self.options, self.parameters, names, given)

    @property
    def inputs(self) -> str:
        """How many task vectors it takes, in words."""
        least, most = _NUMBERS[self.min_inputs], self.max_inputs
        plural = "s" if self.min_inputs > 1 else ""
        return f"{least} task vector{plural}" if most == self.min_inputs else f"at least {least} task vector{plural}"

    @property
    def example(self) -> str:
        """A call in an expression, with what must be given."""
        names = ("math", "code", "law")[: max(self.min_inputs, min(self.max_inputs or 2, 2))]
        return f"{self.name}({', '.join((*names, *(one.shown_example(len(names)) for one in self.required)))})"

    @property
    def required(self) -> tuple[Parameter, ...]:
        """The options that must be given."""
        return tuple(one for one in self.parameters if one.is_required)

    def __call__(
        self,
        deltas: ArrayLike,
        *,
        base: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        tensor: str = "",
        **options: Given,
    ) -> Doubles:
        """Merge the deltas of one tensor in float64, in memory: the definition.

        Args:
            deltas: ``(T, …)``, one delta a task, of the tensor's shape; finite. Arrays, or tensors of torch.
            base: The base's values, for methods that look at them; zeros if not given, so that a method that takes
                whole models may be given these.
            names: What the tasks are called, which random masks depend on; their numbers if not given.
            tensor: What the tensor is called, which random masks depend on.
            **options: The method's options.

        Returns:
            The merged delta, of the tensor's shape.

        Raises:
            CompositionError: If deltas or options are not what the method takes.
        """
        whole = stacked(deltas, self.name)
        called = tuple(names) if names is not None else tuple(map(str, range(len(whole))))
        settings = self.settings(called, options)
        shape = whole.shape[1:]
        anchor = np.zeros(shape) if base is None else doubles(base)
        if anchor.shape != shape or len(called) != len(whole):
            raise CompositionError(
                f"{self.name}: expected a base of shape {list(shape)} and {len(whole)} names, found "
                f"{list(anchor.shape)} and {len(called)}"
            )
        rows = whole.reshape(len(whole), -1)
        part: Part[Any] = Part(rows, anchor.reshape(-1), shape, tensor=tensor, names=called)
        return self._merged(part, settings.at(tensor)).reshape(shape)

    def _merged(self, part: Part[Any], options: Any) -> Doubles:
        rule = self.rule_for(options)
        for statistic in rule.statistics if isinstance(rule, Formula) else ():
            found = statistic.of(part, options) if statistic.wanted(options) else None
            part = replace(part, found=(*part.found, found))
        return np.asarray(rule.merge(part, options), np.float64)


def _of_name(name: str) -> Method:
    from taskvec.methods import METHODS

    return METHODS.find(name)
