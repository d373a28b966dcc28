"""What an expression comes down to: stored vectors by their names, and merges of sums of these; equal by meaning.

A tree says what was written and where, a leaf what is meant: an option under its alias, a name that a recipe defined
and a sum written out all end as the same leaves. The text of one is for people, and nothing asks it a question.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

_BARE = re.compile(r"(?!(?:true|false)\Z)[A-Za-z_][A-Za-z0-9_]*\Z")

PARTS: Final = ("shared", "unique")
"""What follows a name and a dot; ``shared.GROUP`` is what one group alone gives a task."""


class Named(NamedTuple):
    """A stored task vector, or a part of one; or the base.

    Attributes:
        name: The vector.
        part: ``shared`` or ``unique``; all of it if not given.
        group: Of a shared part what this group alone gives.
    """

    name: str
    part: str | None = None
    group: str | None = None

    @classmethod
    def of(cls, text: str) -> Named:
        """Read ``NAME``, ``NAME.part`` or ``NAME.part.GROUP``."""
        return cls(*text.split(".", 2))

    @property
    def part_text(self) -> str:
        """``part``, or ``part.GROUP``."""
        return ".".join(filter(None, (self.part, self.group)))

    def __str__(self) -> str:
        return f"{self.name}.{self.part_text}" if self.part else self.name


@dataclass(frozen=True)
class Merged:
    """A merge that an expression asks for.

    Attributes:
        method: The name of the method.
        arguments: What is merged: sums of leaves, none of them the base.
        options: The method's options, in the order in which it declares them; each a value, or a function from a
            tensor's name to one.
        name: What messages and records call it; its text as an expression has it if not given.
    """

    method: str
    arguments: tuple[Terms, ...]
    options: tuple[tuple[str, Hashable], ...] = ()
    name: str | None = None

    def __str__(self) -> str:
        return self._text

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Merged], tuple[object, ...]]:
        """Travel without the hash, which is another in every process."""
        return Merged, (self.method, self.arguments, self.options, self.name)

    @cached_property
    def _text(self) -> str:
        options = [f"{key}={'…' if callable(value) else value_text(value)}" for key, value in self.options]
        return self.name or f"{self.method}({', '.join([*map(text_of, self.arguments), *options])})"

    @cached_property
    def _hash(self) -> int:
        return hash((self.method, self.arguments, self.options, self.name))


Leaf = Named | Merged
Terms = tuple[tuple[Leaf, float], ...]
"""Leaves with coefficients, none of them 0: a sum as a value."""

Weights = Mapping[Leaf, float]
"""The same while it is worked out; coefficients may be 0."""

BASE: Final = "base"
THE_BASE: Final = Named(BASE)


def terms_of(weights: Weights) -> Terms:
    """Return a sum as a value."""
    return tuple((leaf, weight) for leaf, weight in weights.items() if weight)


def text_of(terms: Terms) -> str:
    """Return a sum as an expression has it."""
    return " + ".join(str(leaf) if weight == 1 else f"{weight!r}*{leaf}" for leaf, weight in terms) or "0"


def value_text(value: object) -> str:
    """Return the value of an option as an expression has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quote = "'" if '"' in value else '"'
        return value if _BARE.match(value) else f"{quote}{value}{quote}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return repr(value).removesuffix(".0")


def names_in(leaves: Iterable[Leaf]) -> list[Named]:
    """Return the stored vectors among some leaves and within the merges among them, each once."""
    return [leaf for leaf in _within(leaves) if isinstance(leaf, Named)]


def merges_in(leaves: Iterable[Leaf]) -> list[Merged]:
    """Return the merges among some leaves and within them, each once, inner ones first."""
    found: dict[Merged, None] = {}
    waiting: list[tuple[Leaf, bool]] = [(leaf, False) for leaf in leaves][::-1]
    while waiting:
        leaf, are_inner_found = waiting.pop()
        if isinstance(leaf, Named) or leaf in found:
            continue
        if are_inner_found:
            found[leaf] = None
        else:
            inner = [(one, False) for terms in leaf.arguments for one, _ in terms]
            waiting += [(leaf, True), *inner[::-1]]
    return list(found)


def _within(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Return some leaves and all within them: each before its arguments, of which the last comes first."""
    found: dict[Leaf, None] = {}
    waiting = [*leaves][::-1]
    while waiting:
        leaf = waiting.pop()
        if leaf not in found and isinstance(leaf, Merged):
            waiting += [one for terms in leaf.arguments for one, _ in terms]
        found.setdefault(leaf)
    return list(found)
