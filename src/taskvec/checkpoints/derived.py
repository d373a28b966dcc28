"""Checkpoints that are computed from others as they are read: products of factors, and differences less a product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.products import add_product
from taskvec.numerics.rounding import widen
from taskvec.types import TensorInfo

_PIECE = 1 << 16  # elements widened at once

Values = NDArray[np.float32]


class DerivedCheckpoint(Checkpoint):
    """A checkpoint that takes no bytes on any disk and changes when the files of its origins do."""

    def __init__(self, ref: str, sources: Mapping[TensorInfo, TensorSource], origins: Iterable[Checkpoint]) -> None:
        tensors = {info.name: info for info in sources}
        table = TensorTable(tensors, {info.name: source for info, source in sources.items()}, ())
        super().__init__(ref, Path(ref), table)
        self.files = tuple(dict.fromkeys(path for origin in origins for path in origin.files))


@dataclass(frozen=True, slots=True)
class Factors:
    """Two stored float32 matrices whose product is meant.

    Attributes:
        checkpoint: Where both are.
        left: The name of the one ``(m, q)``.
        right: The name of the other ``(q, n)``.
    """

    checkpoint: Checkpoint
    left: str
    right: str

    def add_to(self, values: Values, first: int) -> None:
        """Add elements ``first … first + values.size`` of the flattened product."""
        right = self.checkpoint.read(self.right)
        rank, width = right.shape
        row, last = first // width, (first + values.size - 1) // width
        left = np.empty((last - row + 1) * rank, np.float32)
        self.checkpoint.read_into(self.left, row * rank, left)
        add_product(left.reshape(-1, rank), right, first - row * width, values)


@dataclass(frozen=True, slots=True)
class SumOfProducts:
    """Σ left @ right as a float32 tensor.

    Attributes:
        terms: The products, of one shape.
    """

    terms: tuple[Factors, ...]

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        values[:] = 0
        for factors in self.terms:
            factors.add_to(values, offset // values.itemsize)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored tensor of a dtype that arithmetic applies to, widened as it is read.

    Attributes:
        checkpoint: Where it is.
        name: Its name there.
    """

    checkpoint: Checkpoint
    name: str

    def widened(self, first: int, count: int) -> Values:
        """Return elements as float32."""
        dtype = self.checkpoint.tensors[self.name].dtype
        raw = np.empty(count, dtype.storage)
        self.checkpoint.read_into(self.name, first, raw)
        values = np.empty(count, np.float32)
        widen(raw.view(np.uint8), dtype_code(dtype), 0, count, values)
        return values


@dataclass(frozen=True, slots=True)
class Remainder:
    """A tensor less others, subtracted in float32, one after another.

    Attributes:
        whole: The tensor.
        less: What is subtracted.
    """

    whole: Stored
    less: tuple[Stored, ...]

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        for start in range(0, values.size, _PIECE):
            piece = values[start : start + _PIECE]
            piece[:] = self.whole.widened(first + start, piece.size)
            for other in self.less:
                piece -= other.widened(first + start, piece.size)
