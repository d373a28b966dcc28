"""Products of two thin stored matrices, multiplied out element by element as they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.table import TensorSource
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.products import add_product
from taskvec.numerics.rounding import widen

Values = NDArray[np.float32]

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored tensor of a dtype that arithmetic applies to, widened as it is read.

    Attributes:
        checkpoint: Where it is.
        name: Its name there.
    """

    checkpoint: Checkpoint
    name: str

    @property
    def source(self) -> TensorSource:
        """Where its bytes come from."""
        return self.checkpoint.source(self.name)

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that reading it widened calls."""
        return ("widen", *self.source.calls)

    def scratch_bytes(self, count: int) -> int:
        """Return what `widened` needs: the raw elements, and the float32 that it returns."""
        itemsize = self.checkpoint.tensors[self.name].dtype.itemsize
        return count * itemsize + max(self.source.scratch_bytes(count), count * _FLOAT_BYTES)

    def widened(self, first: int, count: int) -> Values:
        """Return elements as float32."""
        dtype = self.checkpoint.tensors[self.name].dtype
        raw = np.empty(count, dtype.storage)
        self.checkpoint.read_into(self.name, first, raw)
        values = np.empty(count, np.float32)
        widen(raw.view(np.uint8), dtype_code(dtype), 0, count, values)
        return values


@dataclass(frozen=True, slots=True)
class Factor:
    """A stored tensor as a matrix: its first dimension by all others, or the transpose of that.

    Attributes:
        stored: The tensor.
        is_transposed: Whether the transpose is meant.
    """

    stored: Stored
    is_transposed: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of what is meant."""
        rows, columns = self._stored_shape
        return (columns, rows) if self.is_transposed else (rows, columns)

    def rows(self, first: int, stop: int) -> Values:
        """Return some rows, float32; a transposed factor is read whole, for it is thin."""
        if self.is_transposed:
            return np.ascontiguousarray(self.whole()[first:stop])
        width = self._stored_shape[1]
        return self.stored.widened(first * width, (stop - first) * width).reshape(-1, width)

    def rows_bytes(self, count: int) -> int:
        """Return what `rows` takes for some rows, what it returns included."""
        if self.is_transposed:
            return self.whole_bytes + count * self.shape[1] * _FLOAT_BYTES
        return self.stored.scratch_bytes(count * self._stored_shape[1])

    @property
    def whole_bytes(self) -> int:
        """What `whole` takes, what it returns included."""
        rows, columns = self._stored_shape
        transposed = 2 * rows * columns * _FLOAT_BYTES if self.is_transposed else 0
        return max(self.stored.scratch_bytes(rows * columns), transposed)

    def whole(self) -> Values:
        """Return the matrix, float32."""
        rows, columns = self._stored_shape
        values = self.stored.widened(0, rows * columns).reshape(rows, columns)
        return np.ascontiguousarray(values.T) if self.is_transposed else values

    @property
    def _stored_shape(self) -> tuple[int, int]:
        info = self.stored.checkpoint.tensors[self.stored.name]
        rows = info.shape[0] if info.shape else 1
        return rows, info.num_params // max(rows, 1)


@dataclass(frozen=True, slots=True)
class Product:
    """``scale · left @ right``; the scale is taken into the left factor, in float32.

    Attributes:
        left: ``(m, r)``.
        right: ``(r, n)``.
        scale: A number.
    """

    left: Factor
    right: Factor
    scale: float = 1.0

    @classmethod
    def of_stored(cls, checkpoint: Checkpoint, left: str, right: str) -> Product:
        """Return the product of two tensors of one checkpoint."""
        return cls(Factor(Stored(checkpoint, left)), Factor(Stored(checkpoint, right)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the product."""
        return self.left.shape[0], self.right.shape[1]

    @property
    def rank(self) -> int:
        """The rank r that the product has at most."""
        return self.left.shape[1]

    def scaled_left(self, first: int = 0, stop: int | None = None) -> Values:
        """Return rows of the left factor times the scale."""
        return self.left.rows(first, self.left.shape[0] if stop is None else stop) * np.float32(self.scale)

    def whole_right(self) -> Values:
        """Return the right factor."""
        return self.right.whole()

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that multiplying out calls."""
        return ("add_product", *self.left.stored.calls, *self.right.stored.calls)

    def scratch_bytes(self, count: int) -> int:
        """Return what `add_to` takes for so many elements: the rows of the left factor, and the right one whole."""
        width = max(self.right.shape[1], 1)
        rows = min(self.left.shape[0], (count + width - 2) // width + 1)
        scaled = rows * self.rank * _FLOAT_BYTES
        return scaled + max(self.left.rows_bytes(rows), self.right.whole_bytes)

    def add_to(self, values: Values, first: int) -> None:
        """Add elements ``first … first + values.size`` of the flattened product."""
        if not values.size:
            return
        width = self.right.shape[1]
        row, last = first // width, (first + values.size - 1) // width
        add_product(self.scaled_left(row, last + 1), self.right.whole(), first - row * width, values)


@dataclass(frozen=True, slots=True)
class SumOfProducts(TensorSource):
    """Σ scale · left @ right as a float32 tensor.

    Attributes:
        terms: The products, of one shape.
    """

    terms: tuple[Product, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        """Those of every product."""
        return tuple(dict.fromkeys(name for product in self.terms for name in product.calls))

    def scratch_bytes(self, count: int) -> int:
        """Return the most that a product needs, for they are added one after another."""
        return max((product.scratch_bytes(count) for product in self.terms), default=0)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The factors."""
        return tuple(factor.stored.source for product in self.terms for factor in (product.left, product.right))

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        values[:] = 0
        for product in self.terms:
            product.add_to(values, offset // values.itemsize)


def products_of(checkpoint: Checkpoint, name: str) -> tuple[Product, ...] | None:
    """Return the products that a tensor is the sum of; () where it is not there, None where it is more."""
    source = checkpoint.table.sources.get(name, SumOfProducts(()))
    return source.terms if isinstance(source, SumOfProducts) else None
