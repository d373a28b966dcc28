"""What expressions may name: task vectors, functions, and what was defined before under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from taskvec.editing.scope.block_presets import block_weights
from taskvec.editing.scope.blocks import ModelBlocks
from taskvec.errors import CompositionError, ExpressionError
from taskvec.expressions import (
    BASE,
    Definition,
    LinearForm,
    MergeFunction,
    OptionValue,
    VectorFunction,
    linear_form,
)
from taskvec.merging.merges import Merges, Weights, text_of
from taskvec.vectors.forms import Source

if TYPE_CHECKING:
    from taskvec.methods import Method
    from taskvec.methods.settings import Given


class _WhenCalled(Mapping[str, MergeFunction]):
    """Functions that are made when an expression first calls one: most call none, and need no method."""

    def __init__(self, make: Callable[[], Mapping[str, MergeFunction]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, MergeFunction]:
        return self._make()

    def __getitem__(self, name: str) -> MergeFunction:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class Scope:
    """The names of one store or set of checkpoints, and definitions on top of them.

    A defined sum of vectors is taken apart where it is used, so that functions of inner products see the vectors; a
    defined merge is a vector of its own.

    Attributes:
        merges: The merges that were asked for.
    """

    def __init__(
        self,
        names: Collection[str],
        functions: Mapping[str, VectorFunction] | None = None,
        defaults: Mapping[str, OptionValue] | None = None,
        tensors: Collection[str] = (),
        part_remedy: str = "decompose it first",
    ) -> None:
        self.merges = Merges(defaults)
        self._names = frozenset(names)
        self._functions = functions or {}
        self._tensors = tensors
        self._part_remedy = part_remedy
        self._definitions: dict[str, Definition] = {}

    def form(self, expression: str) -> LinearForm:
        """Reduce an expression to one coefficient a vector or merge."""
        merges = _WhenCalled(lambda: {**self.merges.functions, "blocks": self._by_block})
        return linear_form(expression, self._names, self._functions, merges, self._definitions, self._part_remedy)

    def define_number(self, name: str, value: float) -> None:
        """Let a name stand for a number."""
        self._define(name, float(value))

    def define(self, name: str, expression: str) -> None:
        """Let a name stand for a sum of vectors.

        Raises:
            ExpressionError: If the sum holds the base, or the name is taken.
        """
        form = self.form(expression)
        if form.base:
            raise ExpressionError(f"{name}: a step is a task vector; leave base out, and add it in the result")
        self._define(name, form.coefficients)

    def define_merge(
        self, name: str, method: Method, vectors: Sequence[str | Weights], given: Mapping[str, Given]
    ) -> None:
        """Let a name stand for a merge.

        Args:
            name: The name.
            method: How it is merged.
            vectors: What is merged: expressions, or coefficients.
            given: The method's options; each a value, or a function from a tensor's name to one.
        """
        weights = [self._weights(vector) if isinstance(vector, str) else vector for vector in vectors]
        self._define(name, {name: 1.0})
        self.merges.add(name, method, weights, given)

    def _by_block(self, vectors: Sequence[Weights], given: Mapping[str, OptionValue]) -> Weights:
        """Scale a vector by weights that differ from block to block of a diffusion model.

        Raises:
            ExpressionError: If it is not one vector, or the weights mean nothing for this base.
        """
        from taskvec.methods import find_method

        weights, others = given.get("weights"), given.get("others")
        is_one = len(vectors) == 1 and BASE not in vectors[0]
        if not is_one or not isinstance(weights, str | tuple) or not set(given) <= {"weights", "others"}:
            raise ExpressionError("blocks takes one task vector, weights and others, as in blocks(ink, weights=GRAD_V)")
        if others is not None and not isinstance(others, float):
            raise ExpressionError(f"blocks: others is {others!r}, expected a number")
        try:
            chosen, blocks = block_weights(weights, others), ModelBlocks.of(self._tensors)
        except CompositionError as error:
            raise ExpressionError(str(error)) from error
        said = ", ".join(f"{name}={value}" for name, value in given.items())
        key = f"blocks({text_of(vectors[0])}, {said})"
        self.merges.add(key, find_method("task_arithmetic"), vectors, {"weight": lambda name: chosen.at(name, blocks)})
        return {key: 1.0}

    def _weights(self, expression: str) -> Weights:
        form = self.form(expression)
        return {BASE: form.base, **form.coefficients} if form.base else form.coefficients

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

    def scope(
        self,
        names: Collection[str],
        tensors: Collection[str],
        functions: Mapping[str, VectorFunction] | None = None,
        part_remedy: str = "decompose it first",
    ) -> Scope:
        """Return a scope over the names of vectors, and of the base's tensors, with what is defined."""
        scope = Scope(names, functions, self.defaults, tensors, part_remedy)
        self.define(scope)
        return scope
