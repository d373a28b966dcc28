"""What expressions may name: task vectors, functions, and what was defined before under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskvec.editing.scope.ground import Ground
from taskvec.errors import ExpressionError
from taskvec.expressions import (
    THE_BASE,
    Definition,
    LinearForm,
    OptionValue,
    VectorFunction,
    Weights,
    linear_form,
)
from taskvec.vectors.forms import Source

if TYPE_CHECKING:  # an expression without a merge needs none of them
    from taskvec.methods import Method
    from taskvec.methods.settings import Given


@dataclass(frozen=True)
class _Merges:
    """The merges that an expression may call; no method is loaded before the first is called.

    Attributes:
        defaults: Options for every method that has them, where a call does not give others.
        tensors: The base's, for weights by block.
    """

    defaults: Mapping[str, OptionValue]
    tensors: Collection[str]

    def names(self) -> Collection[str]:
        from taskvec.methods import METHODS

        return {*METHODS, "blocks"}

    def call(self, name: str, vectors: Sequence[Weights], options: Mapping[str, OptionValue]) -> Weights:
        from taskvec.merging.calls import called
        from taskvec.methods import METHODS

        if name == "blocks":
            from taskvec.editing.scope.by_block import by_block

            return by_block(vectors, options, self.tensors)
        method = METHODS.find(name)
        return called(method, vectors, self.completed(method, options))

    def completed(self, method: Method, given: Mapping[str, Given]) -> Mapping[str, Given]:
        """Return options with the defaults that a method has."""
        known = {parameter.name for parameter in method.parameters}
        return {**{name: value for name, value in self.defaults.items() if name in known}, **given}


class Scope:
    """The names of one store or set of checkpoints, and definitions on top of them.

    A defined sum of vectors is taken apart where it is used, so that functions of inner products see the vectors; a
    defined merge is a vector of its own.
    """

    def __init__(
        self,
        names: Collection[str],
        functions: Mapping[str, VectorFunction] | None = None,
        defaults: Mapping[str, OptionValue] | None = None,
        tensors: Collection[str] = (),
        part_remedy: str = "decompose it first",
    ) -> None:
        self._names = frozenset(names)
        self._functions = functions or {}
        self._merges = _Merges(defaults or {}, tensors)
        self._part_remedy = part_remedy
        self._definitions: dict[str, Definition] = {}

    def form(self, expression: str) -> LinearForm:
        """Reduce an expression to one coefficient a leaf."""
        return linear_form(expression, self._names, self._functions, self._merges, self._definitions, self._part_remedy)

    def define_number(self, name: str, value: float) -> None:
        """Let a name stand for a number."""
        self._define(name, float(value))

    def define(self, name: str, vector: str | Weights) -> None:
        """Let a name stand for a sum of vectors.

        Args:
            name: The name.
            vector: An expression, or coefficients.

        Raises:
            ExpressionError: If the sum holds the base, or the name is taken.
        """
        weights = self._weights(vector)
        if weights.get(THE_BASE):
            raise ExpressionError(f"{name}: a step is a task vector; leave base out, and add it in the result")
        self._define(name, weights)

    def merge(self, name: str, method: Method, vectors: Sequence[str | Weights], given: Mapping[str, Given]) -> Weights:
        """Merge vectors under a name, for messages and records.

        Args:
            name: What the merge is called.
            method: How it is merged.
            vectors: What is merged: expressions, or coefficients.
            given: The method's options; each a value, or a function from a tensor's name to one.

        Returns:
            The coefficients: 1 of the merge.
        """
        from taskvec.merging.calls import named_merge

        weights = [self._weights(vector) for vector in vectors]
        return {named_merge(name, method, weights, self._merges.completed(method, given)): 1.0}

    def _weights(self, vector: str | Weights) -> Weights:
        if not isinstance(vector, str):
            return vector
        form = self.form(vector)
        return {THE_BASE: form.base, **form.coefficients} if form.base else form.coefficients

    def _define(self, name: str, definition: Definition) -> None:
        if name in self._names or name in self._definitions:
            raise ExpressionError(f"the name {name!r} is taken already; choose another for the step or parameter")
        self._definitions[name] = definition


@dataclass(frozen=True)
class Preamble:
    """What is said before the expression that is evaluated.

    Attributes:
        define: Defines names.
        defaults: Options for every method that has them.
        onto: The model that is edited instead of the base.
    """

    define: Callable[[Scope], None] = lambda _: None
    defaults: Mapping[str, OptionValue] = field(default_factory=dict)
    onto: Source | None = None

    def scope(self, ground: Ground) -> Scope:
        """Return the names of a ground, with what is defined."""
        tensors = ground.base.checkpoint.tensors
        scope = Scope(ground.names, ground.functions, self.defaults, tensors, ground.part_remedy)
        self.define(scope)
        return scope
