"""Checkpoints that are computed from others as they are read: sums, differences and products of factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.products import Product, Stored, SumOfProducts, Values
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.numerics import rounding
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.types import DType, TensorInfo

_PIECE = 1 << 16  # elements widened at once


class DerivedCheckpoint(Checkpoint):
    """A checkpoint that takes no bytes on any disk and changes when the files of its origins do."""

    def __init__(
        self,
        ref: str,
        sources: Mapping[TensorInfo, TensorSource],
        origins: Iterable[Checkpoint],
        *,
        tied: Mapping[str, str] = MappingProxyType({}),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        tensors = {info.name: info for info in sources}
        table = TensorTable(tensors, {info.name: source for info, source in sources.items()}, (), tied)
        super().__init__(ref, Path(ref), table, settings=settings)
        self.files = tuple(dict.fromkeys(path for origin in origins for path in origin.files))

    def products(self, name: str) -> tuple[Product, ...] | None:
        """Return the products that a tensor is the sum of; () where it is not there, None where it is more."""
        source = self._table.sources.get(name, SumOfProducts(()))
        return source.terms if isinstance(source, SumOfProducts) else None


@dataclass(frozen=True, slots=True)
class Same:
    """The very bytes of a tensor of another checkpoint.

    Attributes:
        checkpoint: The checkpoint.
        name: The tensor's name there.
    """

    checkpoint: Checkpoint
    name: str

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        self.checkpoint.source(self.name).warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the tensor's bytes from byte ``offset`` on."""
        storage = self.checkpoint.tensors[self.name].dtype.storage
        self.checkpoint.read_into(self.name, offset // storage.itemsize, np.frombuffer(out, storage))


@dataclass(frozen=True, slots=True)
class Remainder:
    """A tensor less others, subtracted in float32, one after another.

    Attributes:
        whole: The tensor.
        less: What is subtracted.
    """

    whole: Stored
    less: tuple[Stored, ...]

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        for stored in (self.whole, *self.less):
            stored.warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        for start in range(0, values.size, _PIECE):
            piece = values[start : start + _PIECE]
            piece[:] = self.whole.widened(first + start, piece.size)
            for other in self.less:
                piece -= other.widened(first + start, piece.size)


@dataclass(frozen=True, slots=True)
class Sum:
    """Float32 tensors of one shape, added in float32, one after another.

    Attributes:
        parts: The tensors.
    """

    parts: tuple[TensorSource, ...]

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        for part in self.parts:
            part.warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        values[:] = 0
        part = np.empty_like(values)
        for source in self.parts:
            source.read_into(offset, part.view(np.uint8).data)
            values += part


@dataclass(frozen=True, slots=True)
class Moved:
    """A stored tensor plus float32 tensors, added up in float32 and rounded once to the dtype of the first.

    Attributes:
        origin: The tensor.
        deltas: What is added.
    """

    origin: Stored
    deltas: tuple[TensorSource, ...]

    def warm_up(self) -> None:
        """Load the compiled code that reading calls."""
        rounding.warm_up("round_into")
        self.origin.warm_up()
        Sum(self.deltas).warm_up()

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        dtype = self.origin.checkpoint.tensors[self.origin.name].dtype
        first, count = offset // dtype.itemsize, len(out) // dtype.itemsize
        raw = np.frombuffer(out, np.uint8)
        for start in range(0, count, _PIECE):
            size = min(_PIECE, count - start)
            round_into(self._total(first + start, size), dtype_code(dtype), start, raw)

    def _total(self, first: int, size: int) -> Values:
        total = np.empty(size, np.float32)
        Sum(self.deltas).read_into(first * total.itemsize, total.view(np.uint8).data)
        total += self.origin.widened(first, size)
        return total


def same_as(checkpoint: Checkpoint) -> dict[TensorInfo, TensorSource]:
    """Return every tensor of a checkpoint as it is."""
    return {info: Same(checkpoint, name) for name, info in checkpoint.tensors.items()}


def float32_like(info: TensorInfo) -> TensorInfo:
    """Describe a float32 tensor of the same name and shape."""
    return TensorInfo(info.name, DType.F32, info.shape)
