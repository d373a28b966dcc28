"""The tree of an expression: frozen values whose ``str`` is the canonical text.

Sums may be hundreds of thousands of terms deep on their left side, so nothing here recurses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from taskvec.expressions.leaves import value_text

Pieces = tuple["str | Node", ...]
OptionValue = float | bool | str | tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """Any expression; equal to another when both have the same structure, wherever they were written.

    Attributes:
        column: Where errors about this node point, counted from 1; an operation points at its operator.
    """

    precedence: ClassVar[int] = 4
    column: int = field(default=0, kw_only=True)

    @property
    def children(self) -> tuple[Node, ...]:
        """The operands, from left to right."""
        return ()

    @property
    def pieces(self) -> Pieces:
        """The canonical text, with operands still as nodes."""
        raise NotImplementedError

    @property
    def content(self) -> tuple[object, ...]:
        """What tells this node from another of its type with the same operands."""
        return ()

    def postorder(self) -> list[Node]:
        """List every node of the tree, each after its operands, operands from left to right."""
        backwards: list[Node] = []
        pending: list[Node] = [self]
        while pending:
            node = pending.pop()
            backwards.append(node)
            pending.extend(node.children)
        return backwards[::-1]

    def __str__(self) -> str:
        done: list[str] = []
        pending: list[str | Node] = [self]
        while pending:
            piece = pending.pop()
            if isinstance(piece, str):
                done.append(piece)
            else:
                pending.extend(reversed(piece.pieces))
        return "".join(done)

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return _structure(self) == _structure(other) if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(_structure(self)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(Node):
    """A finite number that is not negative; a sign in front of it is a ``Negate``."""

    value: float

    @property
    def pieces(self) -> Pieces:
        """The shortest digits that give the value back."""
        return (value_text(self.value),)

    @property
    def content(self) -> tuple[object, ...]:
        """The value."""
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Name(Node):
    """The base, a task vector, or the ``shared`` or ``unique`` part of one."""

    name: str
    part: str | None = None

    @property
    def key(self) -> str:
        """``NAME`` or ``NAME.part``."""
        return self.name if self.part is None else f"{self.name}.{self.part}"

    @property
    def pieces(self) -> Pieces:
        """The key."""
        return (self.key,)

    @property
    def content(self) -> tuple[object, ...]:
        """The key."""
        return (self.key,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Negate(Node):
    """Minus the operand; binds tighter than a product."""

    precedence: ClassVar[int] = 3
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """The operand."""
        return (self.operand,)

    @property
    def pieces(self) -> Pieces:
        """A minus sign and the operand."""
        return ("-", *_enclosed(self.operand, self.precedence))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Binary(Node):
    """Two operands with a symbol between them; groups to the left."""

    symbol: ClassVar[str]
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """Left and right operand."""
        return (self.left, self.right)

    @property
    def pieces(self) -> Pieces:
        """Operand, symbol, operand; in parentheses where grouping would otherwise change."""
        left = _enclosed(self.left, self.precedence)
        right = _enclosed(self.right, self.precedence + 1)
        return (*left, self.symbol, *right)


class Add(_Binary):
    """Left plus right."""

    __slots__ = ()
    precedence = 1
    symbol = " + "


class Subtract(_Binary):
    """Left minus right."""

    __slots__ = ()
    precedence = 1
    symbol = " - "


class Multiply(_Binary):
    """Left times right."""

    __slots__ = ()
    precedence = 2
    symbol = "*"


class Divide(_Binary):
    """Left divided by right."""

    __slots__ = ()
    precedence = 2
    symbol = "/"


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword argument of a call: a number, a word, true or false, or a list of numbers."""

    name: str
    value: OptionValue
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name}={value_text(self.value)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Node):
    """A function of expressions, with options."""

    function: str
    arguments: tuple[Node, ...]
    options: tuple[Option, ...] = ()

    @property
    def children(self) -> tuple[Node, ...]:
        """The positional arguments."""
        return self.arguments

    @property
    def pieces(self) -> Pieces:
        """The function's name, and arguments before options in parentheses."""
        items: Pieces = (*self.arguments, *map(str, self.options))
        inside = [piece for item in items for piece in (", ", item)]
        return (self.function, "(", *inside[1:], ")")

    @property
    def content(self) -> tuple[object, ...]:
        """The function's name and the options' text, in which true differs from 1."""
        return (self.function, *map(str, self.options))


def _structure(root: Node) -> list[tuple[object, ...]]:
    """Reverse Polish notation with the number of operands, which no other tree shares."""
    return [(type(node), len(node.children), *node.content) for node in root.postorder()]


def _enclosed(node: Node, precedence: int) -> Pieces:
    return (node,) if node.precedence >= precedence else ("(", node, ")")
