"""How a set of tensors is cut into units of work.

A unit is cut by element counts alone: at multiples of ``BLOCK`` elements from the start of each tensor, small tensors
sharing a unit. It never depends on memory, workers or chunk size; therefore sums that are taken per unit, and then in
the order of units, have the same bits however the work is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BLOCK = 1 << 20
"""Elements in a unit at most."""

MAX_PIECES = 1024
"""Tensors that share a unit at most."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Elements ``start:stop`` of the tensor with index ``tensor``; an empty tensor is one piece ``0:0``."""

    tensor: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The pieces that one worker does in one go, in order."""

    index: int
    pieces: tuple[Piece, ...]


def make_units(sizes: Sequence[int]) -> tuple[Unit, ...]:
    """Cut tensors of the given element counts into units.

    Args:
        sizes: Elements of each tensor.

    Returns:
        Units whose pieces, read in order, cover every tensor exactly once.
    """
    units: list[Unit] = []
    pieces: list[Piece] = []
    filled = 0
    for piece in _pieces(sizes):
        size = piece.stop - piece.start
        if pieces and (filled + size > BLOCK or len(pieces) == MAX_PIECES):
            units.append(Unit(len(units), tuple(pieces)))
            pieces, filled = [], 0
        pieces.append(piece)
        filled += size
    if pieces:
        units.append(Unit(len(units), tuple(pieces)))
    return tuple(units)


def _pieces(sizes: Sequence[int]) -> Iterator[Piece]:
    for tensor, size in enumerate(sizes):
        if size == 0:
            yield Piece(tensor, 0, 0)
        for start in range(0, size, BLOCK):
            yield Piece(tensor, start, min(start + BLOCK, size))
