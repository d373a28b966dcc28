"""One pass over aligned tensors, described: what is read, what is computed on each chunk, what is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.table import TensorSource, calls_of
from taskvec.numerics import load
from taskvec.numerics.codes import NONE, dtype_code, dtype_codes
from taskvec.types import DType, Shape, TensorInfo

RawRow = NDArray[np.uint8]
Array = NDArray[Any]
Arrays = tuple[Array, ...]
"""What a reduce makes of a piece, and of a tensor; empty where nothing is reduced."""


class TensorSink(Protocol):
    """Takes the raw elements of tensors, in any order and from many threads."""

    def write(self, name: str, start: int, data: Array) -> None:
        """Take elements ``start … start + data.size`` of a tensor; the buffer is reused afterwards."""
        ...

    def skip(self, name: str, count: int) -> None:
        """Know that ``count`` elements of a tensor were written by an earlier run."""
        ...

    def sync(self) -> None:
        """Bring what was written to the disk."""
        ...


@dataclass(frozen=True, slots=True)
class Located:
    """A tensor and the checkpoint that holds it."""

    checkpoint: Checkpoint
    info: TensorInfo


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


def calls_of_reading(tensors: Iterable[AlignedTensor]) -> tuple[str, ...]:
    """Return the compiled kernels that reading tensors calls, each once."""
    return calls_of(source for tensor in tensors for source in tensor.read_from)


def warm_up_reading(tensors: Iterable[AlignedTensor]) -> None:
    """Load the compiled code that reading tensors calls, so that the memory that it takes is known to a plan."""
    load(calls_of_reading(tensors))


class Notes(StrEnum):
    """What a journal keeps of a pass: what its pieces were reduced to; what its tensors were; or nothing.

    Tensors where the arrays of a piece are large and those of a tensor small; nothing where results are gathered
    elsewhere. Such passes write no output.
    """

    PIECES = "pieces"
    TENSORS = "tensors"
    NOTHING = "nothing"


class Kernel(ABC):
    """What a pass computes: a map (chunk to output rows), a reduce (chunk to small arrays), or both at once.

    ``begin`` opens the state of one piece, ``process`` takes its chunks in order, ``finish`` returns its small arrays;
    ``fold`` adds the arrays of a tensor's pieces up in order, ``conclude`` makes of them what the pass returns. A
    kernel is shared by workers and keeps no state itself.

    Attributes:
        notes: What a journal keeps of a pass with this kernel.
    """

    notes: ClassVar[Notes] = Notes.PIECES

    def warm_up(self) -> None:
        """Load the compiled code that is called, so that the memory that it takes is known to a plan."""

    def begin(self, tensor: AlignedTensor) -> Any:
        """Open the state of a piece; None where nothing is reduced."""

    @abstractmethod
    def process(self, chunk: Chunk, state: Any) -> None:
        """Compute one chunk: write ``chunk.outputs``, add to ``state``."""

    def finish(self, state: Any) -> Arrays:
        """Return the small arrays of a piece."""
        return () if state is None else (state,)

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Join the arrays of a tensor's next piece to those before it; sums unless a kernel says otherwise."""
        return tuple(t + p for t, p in zip(total, part, strict=True)) if total else part

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:  # noqa: ARG002
        """Return what is kept of a tensor once its last piece is folded: a few numbers where the arrays are large."""
        return total

    def num_outputs(self, tensor: AlignedTensor, writers: int) -> int:  # noqa: ARG002
        """Return how many of the writers a tensor goes to; to all unless a kernel says otherwise."""
        return writers

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes that ``process`` and the state need beside the chunk, for one worker."""
        return num_sources * 0

    def held_bytes(self) -> int:
        """Return the bytes that joined arrays take, whatever the number of workers."""
        return 0

    @abstractmethod
    def parameters(self) -> bytes:
        """Return everything that the results depend on beside the inputs, for telling one job from another."""


@dataclass(frozen=True)
class Job:
    """One pass.

    Attributes:
        label: What it does, in a few words, for progress and plans.
        tensors: What it reads.
        kernel: What it computes.
        writers: Where the output rows go, one writer a row; tensors without ``output_dtype`` are not written.
    """

    label: str
    tensors: Sequence[AlignedTensor]
    kernel: Kernel
    writers: tuple[TensorSink, ...] = ()

    @property
    def num_sources(self) -> int:
        """S, the number of sources beside the base."""
        return max((len(tensor.sources) for tensor in self.tensors), default=0)

    def sync(self) -> None:
        """Bring all outputs to the disk."""
        for writer in self.writers:
            writer.sync()
