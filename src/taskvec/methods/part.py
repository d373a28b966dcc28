"""What a method sees of a tensor: aligned elements of T task vectors, and what was measured before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from taskvec.numerics.rows import Rows
from taskvec.types import Grain

__all__ = ["Array", "Doubles", "FoundT", "Grain", "OptionsT", "Part", "Stored", "row_length"]

Array = NDArray[Any]
Doubles = NDArray[np.float64]

OptionsT = TypeVar("OptionsT")
"""The class of a method's options, for one tensor."""

FoundT = TypeVar("FoundT", bound=tuple[Any, ...])
"""What the statistics of a method found in a tensor, one of each."""


@dataclass(frozen=True)
class Part(Generic[FoundT]):
    """Elements ``first … first + n`` of one tensor, or all of it.

    Attributes:
        rows: The deltas, float32 or float64 ``(T, n)``.
        base: The base's values ``(n,)``.
        shape: The whole tensor's shape.
        first: Index of the first element.
        tensor: Its name.
        names: What the T task vectors are called.
        found: What the method's statistics found in the tensor, one of each.
    """

    rows: Array
    base: Array
    shape: tuple[int, ...]
    first: int = 0
    tensor: str = ""
    names: tuple[str, ...] = ()
    found: FoundT = cast("Any", ())  # noqa: RUF009  # until something is measured

    @property
    def row_length(self) -> int:
        """Elements along the last dimension; a tensor without rows is one row."""
        return row_length(self.shape)


@dataclass(frozen=True)
class Stored(Generic[FoundT]):
    """Elements of one tensor as they are on disk, for what widens and mixes them itself.

    Attributes:
        rows: The elements.
        mixing: Float32 ``(T, S)``: the T vectors are ``mixing @ deltas``.
        found: What the method's statistics found in the tensor, one of each.
        carried: What goes from one chunk of a block to the next.
    """

    rows: Rows
    mixing: NDArray[np.float32]
    found: FoundT
    carried: Any


def row_length(shape: tuple[int, ...]) -> int:
    """Return the elements along the last dimension, at least 1; a tensor of one dimension is one row."""
    return max(shape[-1], 1) if shape else 1
