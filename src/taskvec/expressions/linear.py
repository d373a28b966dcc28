"""From a tree to its linear form: one coefficient for the base and one for each task vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from taskvec.errors import ExpressionError
from taskvec.expressions.leaves import BASE, THE_BASE, Leaf, Named, Weights
from taskvec.expressions.mistakes import mistake, quoted, unknown
from taskvec.expressions.nodes import (
    Add,
    Call,
    Divide,
    Multiply,
    Name,
    Negate,
    Node,
    Number,
    OptionValue,
    Subtract,
)
from taskvec.expressions.parser import parse

_Vector = dict[Leaf, float]
_Value = float | _Vector

VectorFunction = Callable[[Sequence[Weights]], Weights]
"""From the coefficients of task vectors to those of one; raises an ``ExpressionError`` that says what it needs."""

Definition = float | Weights
"""What a defined name stands for: a number, or the coefficients of task vectors."""


class MergeFunctions(Protocol):
    """Functions that make new vectors, such as ``ties``; these alone take options."""

    def names(self) -> Collection[str]:
        """Return what they are called; asked for when an expression calls what is no other function."""
        ...

    def call(self, name: str, vectors: Sequence[Weights], options: Mapping[str, OptionValue]) -> Weights:
        """Return the coefficients of the vector that a function makes, which may have a leaf that is new.

        An argument may hold the base; a function that cannot take it raises an ``ExpressionError``.
        """
        ...


class _NoMerges:
    """Where an expression has sums alone."""

    def names(self) -> Collection[str]:
        return ()

    def call(self, name: str, vectors: Sequence[Weights], options: Mapping[str, OptionValue]) -> Weights:  # noqa: ARG002
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class LinearForm:
    """``base·θ₀ + Σ coefficients[leaf]·τ_leaf``.

    Attributes:
        base: How many times the base model occurs; 1 for a checkpoint, 0 for a task vector.
        coefficients: A number for each leaf, by first appearance; 0 where they cancel.
    """

    base: float
    coefficients: Weights

    @property
    def used(self) -> list[Leaf]:
        """The leaves that do not cancel."""
        return [leaf for leaf, coefficient in self.coefficients.items() if coefficient]


def linear_form(
    expression: Node | str,
    names: Collection[str],
    functions: Mapping[str, VectorFunction] | None = None,
    merges: MergeFunctions | None = None,
    definitions: Mapping[str, Definition] | None = None,
    part_remedy: str = "decompose it first",
) -> LinearForm:
    """Reduce an expression to one coefficient a vector.

    Args:
        expression: The text, or a parsed tree.
        names: Every ``NAME`` and ``NAME.part`` that exists; ``base`` always does.
        functions: Functions of task vectors beside ``sum`` and ``mean``, such as those that must know a store.
        merges: Functions that make new vectors.
        definitions: Further names, and what they stand for.
        part_remedy: What helps where a vector is known and a part of it is not.

    An unknown name, a product of vectors, and whatever else is no sum of scaled vectors is an ``ExpressionError``.
    """
    text, root = (expression, parse(expression)) if isinstance(expression, str) else (None, expression)
    return _Evaluation(text, names, functions or {}, merges or _NoMerges(), definitions or {}, part_remedy).form(root)


class _Evaluation:
    """Evaluates one tree; a vector that it made belongs to nobody else and may be added to in place."""

    def __init__(
        self,
        text: str | None,
        names: Collection[str],
        functions: Mapping[str, VectorFunction],
        merges: MergeFunctions,
        definitions: Mapping[str, Definition],
        part_remedy: str,
    ) -> None:
        self._text = text
        self._names = frozenset(names)
        self._functions = functions
        self._merges = merges
        self._definitions = definitions
        self._part_remedy = part_remedy

    def form(self, root: Node) -> LinearForm:
        value = self._evaluate(root)
        if isinstance(value, float):
            raise self._error(root, "this is a number, not a task vector; name one, as in base + 0.4*math")
        base = value.pop(THE_BASE, 0.0)
        return LinearForm(base + 0.0, {leaf: coefficient + 0.0 for leaf, coefficient in value.items()})

    def _evaluate(self, root: Node) -> _Value:
        values: list[_Value] = []
        for node in root.postorder():
            first = len(values) - len(node.children)
            operands = values[first:]
            values[first:] = [self._value(node, operands)]
        return values.pop()

    def _value(self, node: Node, operands: list[_Value]) -> _Value:
        match node:
            case Number():
                value: _Value = float(node.value)
            case Name():
                value = self._meaning(node)
            case Negate():
                value = self._scale(node, operands[0], -1.0)
            case Add():
                value = self._add(node, operands[0], operands[1], 1.0)
            case Subtract():
                value = self._add(node, operands[0], operands[1], -1.0)
            case Multiply():
                value = self._multiply(node, operands[0], operands[1])
            case Divide():
                value = self._divide(node, operands[0], operands[1])
            case Call():
                value = self._call(node, operands)
            case _:
                raise TypeError(type(node).__name__)
        return value

    def _error(self, node: Node, problem: str) -> ExpressionError:
        return mistake(self._text, node.column, problem)

    def _meaning(self, node: Name) -> _Value:
        definition = self._definitions.get(node.key)
        if definition is None:
            return {self._known(node): 1.0}
        return definition if isinstance(definition, float) else dict(definition)

    def _known(self, node: Name) -> Named:
        if node.key == BASE or node.key in self._names:
            return Named(node.name, node.part)
        if node.part and node.name in self._names:
            raise self._error(node, f"{quoted(node.name)} has no {node.part} part; {self._part_remedy}")
        raise self._error(node, unknown("name", node.key, {*self._names, *self._definitions}, also=[BASE]))

    def _finite(self, node: Node, value: float) -> float:
        if math.isinf(value):  # one that is not known yet is NaN, and makes others unknown
            raise self._error(node, "a coefficient overflows here; use smaller numbers")
        return value

    def _scale(self, node: Node, value: _Value, factor: float) -> _Value:
        if isinstance(value, float):
            return self._finite(node, value * factor)
        return {key: self._finite(node, coefficient * factor) for key, coefficient in value.items()}

    def _add(self, node: Node, left: _Value, right: _Value, sign: float) -> _Value:
        if isinstance(left, float) and isinstance(right, float):
            return self._finite(node, left + sign * right)
        if isinstance(left, float) or isinstance(right, float):
            raise self._error(
                node, "cannot add a number and a task vector; a number may only scale one, as in 0.4*math"
            )
        for key, coefficient in right.items():
            left[key] = self._finite(node, left.get(key, 0.0) + sign * coefficient)
        return left

    def _multiply(self, node: Node, left: _Value, right: _Value) -> _Value:
        if isinstance(left, float):
            return self._scale(node, right, left)
        if isinstance(right, float):
            return self._scale(node, left, right)
        raise self._error(node, "cannot multiply two task vectors; one side of * must be a number")

    def _divide(self, node: Node, left: _Value, right: _Value) -> _Value:
        if not isinstance(right, float):
            raise self._error(node, "cannot divide by a task vector; the right side of / must be a number")
        if not right:
            raise self._error(node, "cannot divide by zero")
        if isinstance(left, float):
            return self._finite(node, left / right)
        return {key: self._finite(node, coefficient / right) for key, coefficient in left.items()}

    def _call(self, node: Call, arguments: list[_Value]) -> _Value:
        is_plain = node.function in _FUNCTIONS or node.function in self._functions
        merges = () if is_plain else self._merges.names()
        if not is_plain and node.function not in merges:
            raise self._error(node, unknown("function", node.function, {*_FUNCTIONS, *self._functions, *merges}))
        if node.options and is_plain:
            option = node.options[0]
            raise mistake(
                self._text, option.column, f"{node.function} takes no option {quoted(option.name)}; remove it"
            )
        if not arguments:
            raise self._error(node, f"{node.function} needs at least one argument, as in {node.function}(math, code)")
        if node.function in _FUNCTIONS:
            return _FUNCTIONS[node.function](self, node, arguments)
        return self._apply(node, arguments)

    def _apply(self, node: Call, arguments: list[_Value]) -> _Value:
        vectors = [argument for argument in arguments if not isinstance(argument, float)]
        function = self._functions.get(node.function)
        has_base = any(THE_BASE in vector for vector in vectors)
        if len(vectors) < len(arguments) or (has_base and function is not None):
            raise self._error(node, f"{node.function} takes task vectors alone: no numbers, and no base")
        options = {option.name: option.value for option in node.options}
        try:
            return dict(function(vectors) if function else self._merges.call(node.function, vectors, options))
        except ExpressionError as error:
            raise self._error(node, str(error)) from None

    def sum(self, node: Node, arguments: list[_Value]) -> _Value:
        total = arguments[0]
        for argument in arguments[1:]:
            total = self._add(node, total, argument, 1.0)
        return total

    def mean(self, node: Node, arguments: list[_Value]) -> _Value:
        return self._divide(node, self.sum(node, arguments), float(len(arguments)))


_FUNCTIONS: dict[str, Callable[[_Evaluation, Node, list[_Value]], _Value]] = {
    "mean": _Evaluation.mean,
    "sum": _Evaluation.sum,
}
