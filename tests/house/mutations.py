"""Small wrongs that a source file can be given: one operator, comparison, sign or truth value changed.

Annotations, decorators and messages are left alone, and so is ``strict``, which only asserts.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

OTHERS: dict[str, tuple[str, ...]] = {
    "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "//": ("*",), "%": ("*",), "**": ("*",), "@": ("*",),
    "<<": (">>",), ">>": ("<<",), "|": ("&",), "&": ("|",), "^": ("&",),
    "+=": ("-=",), "-=": ("+=",), "*=": ("/=",), "/=": ("*=",), "//=": ("*=",), "%=": ("*=",), "|=": ("&=",),
    "&=": ("|=",), "^=": ("&=",), ">>=": ("<<=",), "<<=": (">>=",), "**=": ("*=",),
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "in": ("not in",), "not in": ("in",), "is": ("is not",), "is not": ("is",),
    "and": ("or",), "or": ("and",), "True": ("False",), "False": ("True",),
}  # fmt: skip
OTHER_SIGNS: dict[str, tuple[str, ...]] = {"-": ("",), "not": ("",), "~": ("",), "+": ("-",)}
LEFT_ALONE = {"annotation", "returns", "decorator_list"}

Place = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """A file with one wrong: characters ``start`` to ``end`` of a line are others.

    Attributes:
        path: The file, from the repository's root.
        line: Its line, from 1.
        start: First character that is changed.
        end: Where what is changed ends.
        after: What stands there instead.
        text: The line.
    """

    path: Path
    line: int
    start: int
    end: int
    after: str
    text: str

    @property
    def becomes(self) -> str:
        """The line with the wrong in it."""
        return self.text[: self.start] + self.after + self.text[self.end :]

    @property
    def content(self) -> tuple[str, str, str]:
        """What it is wherever its file and its line may move: the file's stem, the line and what becomes of it."""
        return self.path.stem, self.text.strip(), self.becomes.strip()

    def applied(self, source: str) -> str:
        """Return the file's text with the wrong in it."""
        lines = source.splitlines(keepends=True)
        lines[self.line - 1] = self.becomes + "\n"
        return "".join(lines)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}\n    {self.text.strip()}\n    {self.becomes.strip()}"


def mutants_of(path: Path, root: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file, in the order of its syntax tree."""
    source = (root / path).read_text(encoding="utf-8")
    lines = source.splitlines()
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in {tokenize.OP, tokenize.NAME} and token.string not in "()"
    ]
    for first, last, others in _changes(ast.parse(source), lines):
        found = [token for token in tokens if first <= token.start and token.end <= last]
        if not found:
            continue
        start, end = found[0].start, found[-1].end
        line = lines[start[0] - 1]
        for after in others.get(" ".join(token.string for token in found), ()):
            yield Mutant(path, start[0], start[1], end[1], after, line)


def _changes(tree: ast.AST, lines: list[str]) -> Iterator[tuple[Place, Place, dict[str, tuple[str, ...]]]]:
    """Yield between which places an operator or a truth value stands, and what it may become."""

    def begin(node: ast.expr) -> Place:
        return node.lineno, _characters(lines[node.lineno - 1], node.col_offset)

    def end(node: ast.expr) -> Place:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return node.end_lineno, _characters(lines[node.end_lineno - 1], node.end_col_offset)

    for node in _nodes(tree):
        match node:
            case ast.BinOp(left=left, right=right) | ast.AugAssign(target=left, value=right):
                yield end(left), begin(right), OTHERS
            case ast.Compare(left=left, comparators=rights):
                yield from ((end(a), begin(b), OTHERS) for a, b in pairwise([left, *rights]))
            case ast.BoolOp(values=values):
                yield from ((end(a), begin(b), OTHERS) for a, b in pairwise(values))
            case ast.UnaryOp(operand=operand):
                yield begin(node), begin(operand), OTHER_SIGNS
            case ast.Constant(value=bool()):
                yield begin(node), end(node), OTHERS


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE:
            continue
        for child in value if isinstance(value, list) else [value]:
            is_assertion = isinstance(child, ast.keyword) and child.arg == "strict"
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr) and not is_assertion:
                yield from _nodes(child)


def _characters(line: str, offset: int) -> int:
    """Turn a place in a line's bytes, as syntax trees have it, into one in its characters."""
    return len(line.encode()[:offset].decode())
