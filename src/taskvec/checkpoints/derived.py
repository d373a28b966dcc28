"""Checkpoints that are computed from others as they are read: sums, differences and products of factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.products import Stored, Values
from taskvec.checkpoints.table import TensorSource, TensorTable, calls_of
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.types import DType, Grain, TensorInfo

_PIECE = 1 << 16  # elements widened at once
_FLOAT_BYTES = 4


def derived(ref: str, sources: Mapping[TensorInfo, TensorSource], origins: Iterable[Checkpoint]) -> Checkpoint:
    """Make a checkpoint that takes no bytes on any disk and changes when the files of its origins do.

    Args:
        ref: Its name, for errors.
        sources: Tensor → how it is computed.
        origins: The checkpoints that it is computed from.

    Returns:
        The checkpoint.
    """
    return Checkpoint(ref, Path(ref), derived_table(sources, origins))


def derived_table(
    sources: Mapping[TensorInfo, TensorSource], origins: Iterable[Checkpoint], tied: Mapping[str, str] | None = None
) -> TensorTable:
    """Gather tensors that are computed from other checkpoints.

    Args:
        sources: Tensor → how it is computed.
        origins: The checkpoints that it is computed from.
        tied: Other names of the same data → the name that holds it.

    Returns:
        The table; its files are those of the origins.
    """
    files = tuple(dict.fromkeys(file for origin in origins for file in origin.table.files))
    tensors = {info.name: info for info in sources}
    return TensorTable(tensors, {info.name: source for info, source in sources.items()}, files, tied or {})


@dataclass(frozen=True, slots=True)
class Same(TensorSource):
    """The very bytes of a tensor of another checkpoint.

    Attributes:
        checkpoint: The checkpoint.
        name: The tensor's name there.
    """

    checkpoint: Checkpoint
    name: str

    @property
    def calls(self) -> tuple[str, ...]:
        """Those of the tensor."""
        return self._source.calls

    @property
    def grain(self) -> Grain:
        """That of the tensor."""
        return self._source.grain

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the tensor's bytes from byte ``offset`` on."""
        storage = self.checkpoint.tensors[self.name].dtype.storage
        self.checkpoint.read_into(self.name, offset // storage.itemsize, np.frombuffer(out, storage))

    def scratch_bytes(self, count: int) -> int:
        """Return what the tensor needs."""
        return self._source.scratch_bytes(count)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The tensor."""
        return (self._source,)

    @property
    def _source(self) -> TensorSource:
        return self.checkpoint.source(self.name)


@dataclass(frozen=True, slots=True)
class Remainder(TensorSource):
    """A tensor less others, subtracted in float32, one after another.

    Attributes:
        whole: The tensor.
        less: What is subtracted.
    """

    whole: Stored
    less: tuple[Stored, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        """What widens each tensor."""
        return tuple(dict.fromkeys(name for stored in self._all for name in stored.calls))

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        for start in range(0, values.size, _PIECE):
            piece = values[start : start + _PIECE]
            piece[:] = self.whole.widened(first + start, piece.size)
            for other in self.less:
                piece -= other.widened(first + start, piece.size)

    def scratch_bytes(self, count: int) -> int:
        """Return what widening a piece of one tensor needs."""
        return max(stored.scratch_bytes(min(count, _PIECE)) for stored in self._all)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """All tensors."""
        return tuple(stored.source for stored in self._all)

    @property
    def _all(self) -> tuple[Stored, ...]:
        return (self.whole, *self.less)


@dataclass(frozen=True, slots=True)
class Sum(TensorSource):
    """Float32 tensors of one shape, added in float32, one after another.

    Attributes:
        parts: The tensors.
    """

    parts: tuple[TensorSource, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        """Those of every tensor."""
        return calls_of(self.parts)

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        values[:] = 0
        part = np.empty_like(values)
        for source in self.parts:
            source.read_into(offset, part.view(np.uint8).data)
            values += part

    def scratch_bytes(self, count: int) -> int:
        """Return a row of one tensor, and what reading it needs."""
        return count * _FLOAT_BYTES + max((part.scratch_bytes(count) for part in self.parts), default=0)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """All tensors."""
        return self.parts


@dataclass(frozen=True, slots=True)
class Moved(TensorSource):
    """A stored tensor plus float32 tensors, added up in float32 and rounded once to the dtype of the first.

    Attributes:
        origin: The tensor.
        deltas: What is added.
    """

    origin: Stored
    deltas: tuple[TensorSource, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        """What rounds, widens and adds."""
        return ("round_into", *self.origin.calls, *calls_of(self.deltas))

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        dtype = self.origin.checkpoint.tensors[self.origin.name].dtype
        first, count = offset // dtype.itemsize, len(out) // dtype.itemsize
        raw = np.frombuffer(out, np.uint8)
        for start in range(0, count, _PIECE):
            size = min(_PIECE, count - start)
            round_into(self._total(first + start, size), dtype_code(dtype), start, raw)

    def scratch_bytes(self, count: int) -> int:
        """Return the sum of a piece, and what its parts need."""
        size = min(count, _PIECE)
        return size * _FLOAT_BYTES + max(self.origin.scratch_bytes(size), Sum(self.deltas).scratch_bytes(size))

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The tensor, and what is added."""
        return (self.origin.source, *self.deltas)

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
