"""How a set of tensors is cut into units of work.

A tensor is cut into pieces by its element count alone: at multiples of ``BLOCK`` elements from its start. A unit is
such a piece, small tensors sharing one; or, where somebody must see a tensor whole, all pieces of one tensor. Neither
depends on memory, workers or chunk size; therefore sums that are taken per piece, and then in the order of pieces, have
the same bits however the work is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskvec.types import Grain

BLOCK = 1 << 20
"""Elements in a piece at most, and in a unit that is no whole tensor."""

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


def make_units(sizes: Sequence[int], grain: Grain = Grain.ELEMENTS) -> tuple[Unit, ...]:
    """Cut tensors of the given element counts into units.

    Args:
        sizes: Elements of each tensor.
        grain: How much of a tensor one worker must have; rows that begin in a block are its worker's.

    Returns:
        Units whose pieces, read in order, cover every tensor exactly once.
    """
    if grain is Grain.TENSOR:
        return tuple(Unit(tensor, tuple(_pieces(tensor, size))) for tensor, size in enumerate(sizes))
    units: list[Unit] = []
    pieces: list[Piece] = []
    filled = 0
    for piece in (piece for tensor, size in enumerate(sizes) for piece in _pieces(tensor, size)):
        size = piece.stop - piece.start
        if pieces and (filled + size > BLOCK or len(pieces) == MAX_PIECES):
            units.append(Unit(len(units), tuple(pieces)))
            pieces, filled = [], 0
        pieces.append(piece)
        filled += size
    if pieces:
        units.append(Unit(len(units), tuple(pieces)))
    return tuple(units)


def _pieces(tensor: int, size: int) -> Iterator[Piece]:
    if size == 0:
        yield Piece(tensor, 0, 0)
    for start in range(0, size, BLOCK):
        yield Piece(tensor, start, min(start + BLOCK, size))
