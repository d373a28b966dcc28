"""What a pass reads: one tensor as every input has it, and a chunk of it as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.table import Maker, TensorSource, calls_of, makers_of
from taskvec.numerics.codes import NONE, dtype_code, dtype_codes
from taskvec.numerics.rows import Rows
from taskvec.types import DType, Grain, Shape, TensorInfo

RawRow = NDArray[np.uint8]
Array = NDArray[Any]
Arrays = tuple[Array, ...]
"""What a reduce makes of a piece, and of a tensor; empty where nothing is reduced."""


@dataclass(frozen=True, slots=True)
class Located:
    """A tensor and the checkpoint that holds it."""

    checkpoint: Checkpoint
    info: TensorInfo

    def read_into(self, start: int, count: int, row: RawRow) -> None:
        """Read the raw elements ``start … start + count`` to the begin of a row of bytes."""
        storage = self.info.dtype.storage
        self.checkpoint.read_into(self.info.name, start, row[: count * storage.itemsize].view(storage))


@dataclass(frozen=True)
class AlignedTensor:
    """One tensor as every input of a pass has it.

    Attributes:
        name: Its name in the base, or in the sources where there is no base.
        shape: The shape that all inputs agree on.
        base: The base's tensor, if the pass reads a base.
        sources: The S sources' tensors, each a fine-tuned tensor or a stored delta.
        output_dtype: The dtype in which the pass writes it; None where it writes nothing.
    """

    name: str
    shape: Shape
    base: Located | None
    sources: tuple[Located, ...]
    output_dtype: DType | None = None

    @cached_property
    def located(self) -> tuple[Located, ...]:
        """Everything that is read: the base first, then the sources."""
        return (*((self.base,) if self.base else ()), *self.sources)

    @cached_property
    def num_params(self) -> int:
        """Number of elements."""
        return self.located[0].info.num_params

    @cached_property
    def is_combinable(self) -> bool:
        """Whether arithmetic applies to every input."""
        return all(located.info.dtype.is_combinable for located in self.located)

    @cached_property
    def base_code(self) -> int:
        """The base's dtype as kernels know it."""
        return dtype_code(self.base.info.dtype) if self.base else NONE

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The sources' dtypes as kernels know them, shape ``(S,)``."""
        return dtype_codes([located.info.dtype for located in self.sources])

    @cached_property
    def max_itemsize(self) -> int:
        """Bytes of the widest element read or written."""
        sizes = [located.info.dtype.itemsize for located in self.located]
        return max(sizes + ([self.output_dtype.itemsize] if self.output_dtype else []))

    @cached_property
    def grain(self) -> Grain:
        """How much of it is made at once where its sources make it; any elements where they lie in files."""
        return Grain.TENSOR if any(source.grain is Grain.TENSOR for source in self.read_from) else Grain.ELEMENTS

    def read_bytes(self, count: int) -> int:
        """Return the bytes read from files for ``count`` elements."""
        return count * self._stored_itemsize

    @cached_property
    def read_from(self) -> tuple[TensorSource, ...]:
        """Where the bytes of everything that is read come from."""
        return tuple(located.checkpoint.source(located.info.name) for located in self.located)

    @property
    def held_bytes(self) -> int:
        """What its sources hold while it is read, beside what they hold now."""
        return sum(source.held_bytes() for source in self.read_from)

    def scratch_bytes(self, count: int) -> int:
        """Return what one worker needs, beside the rows, to read ``count`` elements of one source after another."""
        count = min(count, self.num_params)
        return max(source.scratch_bytes(count) for source in self.read_from)

    @cached_property
    def _stored_itemsize(self) -> int:
        located = zip(self.located, self.read_from, strict=True)
        return sum(one.info.dtype.itemsize for one, source in located if source.is_stored)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Elements ``start:stop`` of one tensor, as bytes in reused buffers.

    Attributes:
        tensor: Which tensor.
        start: First element.
        stop: One past the last element.
        base: Raw bytes of the base, uint8 ``(W,)``; its content is undefined where the pass reads no base.
        raw: Raw bytes of the sources, uint8 ``(S, W)``.
        outputs: Where a kernel writes raw bytes, uint8 ``(O, W)``.
    """

    tensor: AlignedTensor
    start: int
    stop: int
    base: RawRow
    raw: RawRow
    outputs: RawRow

    @property
    def count(self) -> int:
        """Number of elements."""
        return self.stop - self.start

    @classmethod
    def read(cls, tensor: AlignedTensor, start: int, stop: int, space: RawRow | None = None) -> Chunk:
        """Read elements of a tensor.

        Args:
            tensor: The tensor.
            start: The first element.
            stop: One past the last.
            space: Where to read them to, of as many bytes as they take in rows of the widest input; new if not given.

        Returns:
            The elements; nothing is written.
        """
        shape = (1 + len(tensor.sources), (stop - start) * tensor.max_itemsize)
        rows = np.empty(shape, np.uint8) if space is None else space[: shape[0] * shape[1]].reshape(shape)
        chunk = cls(tensor, start, stop, rows[0], rows[1:], rows[:0])
        chunk.fill()
        return chunk

    def rows(self, centered: NDArray[np.bool_]) -> Rows:
        """Return the elements as kernels take them.

        Args:
            centered: For each source, whether its delta is its difference from the base.

        Returns:
            The buffers themselves; nothing is copied.
        """
        return Rows(self.base, self.tensor.base_code, self.raw, self.tensor.codes, centered, 0, self.count)

    def fill(self) -> None:
        """Read the elements from every input."""
        read = [self.base, *self.raw] if self.tensor.base else list(self.raw)
        for located, row in zip(self.tensor.located, read, strict=True):
            located.read_into(self.start, self.count, row)


def calls_of_reading(tensors: Iterable[AlignedTensor]) -> tuple[str, ...]:
    """Return the compiled kernels that reading tensors calls, each once."""
    return calls_of(source for tensor in tensors for source in tensor.read_from)


def makers_of_reading(tensors: Iterable[AlignedTensor]) -> frozenset[Maker]:
    """Return whoever computes what is read of some tensors, each once."""
    return makers_of(source for tensor in tensors for source in tensor.read_from)
