"""A tensor whose rows come from other tensors: each copied from one row, or the mean of several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.products import Stored
from taskvec.checkpoints.table import TensorSource
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.types import DType

Rows = NDArray[np.int64]

NOTHING = -1
"""The origin of a row of zeros."""

_RUN = 1 << 16  # elements that are widened at once, at most a row more
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Where every row of a table with a row a token comes from.

    Attributes:
        origins: For each row, the index of the model that it is copied from, or ``NOTHING``.
        rows: For each row, its row there.
        means: Row → models and their rows, where it is a mean of several.
    """

    origins: Rows
    rows: Rows
    means: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.origins)


@dataclass(frozen=True, slots=True)
class GatheredRows(TensorSource):
    """One tensor made of the rows of several of the same kind, one of each model.

    Attributes:
        choice: Where rows come from.
        tensors: The tensor of each model.
        dtype: The dtype of the result; rows of another are rounded to it once.
        width: Elements of a row.
    """

    choice: RowChoice
    tensors: Sequence[Stored]
    dtype: DType
    width: int

    @property
    def calls(self) -> tuple[str, ...]:
        """What rounds, and what widens the rows of each model."""
        return tuple(dict.fromkeys(["round_into", *(name for stored in self.tensors for name in stored.calls)]))

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the tensor's bytes from byte ``offset`` on."""
        raw = np.frombuffer(out, np.uint8)
        first, count = offset // self.dtype.itemsize, len(out) // self.dtype.itemsize
        for start, stop in self._runs(first, first + count):
            round_into(self._values(start, stop), dtype_code(self.dtype), start - first, raw)

    def scratch_bytes(self, count: int) -> int:
        """Return the sum of a run of rows, and what widening one of them needs."""
        size = min(count, _RUN + self.width)
        return size * _FLOAT_BYTES + max(stored.scratch_bytes(size) for stored in self.tensors)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The tensors of all models."""
        return tuple(stored.source for stored in self.tensors)

    def _runs(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Cut elements at the ends of rows, and keep rows together that lie together where they come from."""
        start = first
        while start < stop:
            row = start // self.width
            end = row + 1
            while end * self.width < stop and self._follows(end) and (end - row) * self.width < _RUN:
                end += 1
            yield start, min(end * self.width, stop)
            start = min(end * self.width, stop)

    def _follows(self, row: int) -> bool:
        choice = self.choice
        is_plain = row not in choice.means and row - 1 not in choice.means
        same = choice.origins[row] == choice.origins[row - 1]
        return bool(is_plain and same and choice.rows[row] == choice.rows[row - 1] + 1)

    def _values(self, start: int, stop: int) -> NDArray[np.float32]:
        row, within = divmod(start, self.width)
        picked = self.choice.means.get(row) or ((int(self.choice.origins[row]), int(self.choice.rows[row])),)
        total = np.zeros(stop - start, np.float32)
        for origin, source in picked:
            if origin != NOTHING:
                total += self.tensors[origin].widened(source * self.width + within, stop - start)
        return total if len(picked) == 1 else total / np.float32(len(picked))


def row_width(shape: Sequence[int]) -> int:
    """Return the elements in a row of a tensor of that shape."""
    return math.prod(shape[1:])
