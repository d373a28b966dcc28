"""What a pass computes: on chunks of aligned tensors as they are read, or on whole tensors that it reads itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from taskvec.streaming.aligned import AlignedTensor, Arrays, Chunk
from taskvec.streaming.sinks import TensorSink
from taskvec.types import Grain

Written = Iterator[tuple[TensorSink, str, int]]
"""Where elements of a tensor went: the sink, the name there, and how many."""


class Notes(StrEnum):
    """What a journal keeps of a pass: what its pieces were reduced to, or what its tensors were.

    Tensors where the arrays of a piece are large and those of a tensor small. Such passes write no output.
    """

    PIECES = "pieces"
    TENSORS = "tensors"


class Kernel(ABC):
    """What a pass computes: a map (to output rows), a reduce (to small arrays), or both at once.

    Pieces are reduced on their own. ``fold`` adds the arrays of a tensor's pieces up in order, ``conclude`` makes of
    them what is kept of the tensor, ``reduce_model`` joins tensors where one result is wanted of all. A kernel is a
    value: it is shared by workers, in other processes too, and keeps no state; what is gathered is the engine's.

    Attributes:
        grain: How much of a tensor one worker must have.
        notes: What a journal keeps of a pass with this kernel.
        remedy: What else helps where memory is not enough than more of it.
    """

    grain: ClassVar[Grain]
    notes: ClassVar[Notes] = Notes.PIECES
    remedy: ClassVar[str] = ""

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that it calls, by the names that `taskvec.numerics.loading` knows."""
        return ()

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Join the arrays of a tensor's next piece to those before it; sums unless a kernel says otherwise."""
        return tuple(t + p for t, p in zip(total, part, strict=True)) if total else part

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:  # noqa: ARG002
        """Return what is kept of a tensor once its last piece is folded: a few numbers where the arrays are large."""
        return total

    def reduce_model(self, model: Arrays, own: Arrays) -> Arrays | None:  # noqa: ARG002
        """Join what is kept of a tensor to the tensors before it; None where tensors are kept apart."""
        return None

    @abstractmethod
    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return the most that a worker holds for one whole tensor beside chunks and scratch."""

    @abstractmethod
    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes that one worker needs beside the chunk, whatever the tensor."""

    def held_bytes(self) -> int:
        """Return the bytes that joined arrays take, whatever the number of workers."""
        return 0

    @abstractmethod
    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Return the bytes read for ``count`` elements of a tensor."""

    @abstractmethod
    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:
        """Return the bytes written for ``count`` elements, at most where that is not known before."""

    @abstractmethod
    def written(self, tensor: AlignedTensor, count: int, writers: Sequence[TensorSink]) -> Written:
        """Yield what is written of ``count`` elements, where sinks must know of it that did not see it."""

    @abstractmethod
    def parameters(self) -> bytes:
        """Return everything that the results depend on beside the inputs, for telling one job from another."""


class ChunkKernel(Kernel):
    """What is computed chunk by chunk, as the engine reads and writes them.

    ``begin`` opens the state of one piece, ``process`` takes its chunks in order, ``finish`` returns its small arrays.
    """

    grain = Grain.ELEMENTS

    def begin(self, tensor: AlignedTensor) -> Any:
        """Open the state of a piece; None where nothing is reduced."""

    @abstractmethod
    def process(self, chunk: Chunk, state: Any) -> None:
        """Compute one chunk: write ``chunk.outputs``, add to ``state``."""

    def finish(self, state: Any) -> Arrays:
        """Return the small arrays of a piece."""
        return () if state is None else (state,)

    def num_outputs(self, tensor: AlignedTensor, writers: int) -> int:  # noqa: ARG002
        """Return how many of the writers a tensor goes to; to all unless a kernel says otherwise."""
        return writers

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes that ``process`` and the state need beside the chunk, for one worker."""
        return num_sources * 0

    def unit_bytes(self, tensor: AlignedTensor) -> int:  # noqa: ARG002
        """Return 0: no tensor is held whole."""
        return 0

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Return the bytes of so many elements of every input."""
        return tensor.read_bytes(count)

    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:
        """Return the bytes of so many elements of every output."""
        return count * tensor.output_dtype.itemsize * self.num_outputs(tensor, writers) if tensor.output_dtype else 0

    def written(self, tensor: AlignedTensor, count: int, writers: Sequence[TensorSink]) -> Written:
        """Yield the elements once for each writer."""
        for writer in writers if tensor.output_dtype else ():
            yield writer, tensor.name, count


class TensorKernel(Kernel):
    """What needs a whole tensor at once, such as singular directions: reads and writes it itself, as it has room.

    A tensor is one worker's from beginning to end, so results do not depend on the number of workers. Linear algebra
    that it calls runs in one thread.
    """

    grain = Grain.TENSOR

    @abstractmethod
    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:
        """Compute one tensor.

        Args:
            tensor: The tensor.
            writers: Where outputs may go.
            threads: How many may work at it.

        Returns:
            Its small arrays.
        """

    def scratch_bytes(self, num_sources: int) -> int:  # noqa: ARG002
        """Return 0: what is needed depends on the tensor."""
        return 0

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Return the bytes of so many elements of every input, each read once."""
        return tensor.read_bytes(count)

    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:  # noqa: ARG002
        """Return 0: nothing is written."""
        return 0

    def written(self, tensor: AlignedTensor, count: int, writers: Sequence[TensorSink]) -> Written:  # noqa: ARG002
        """Yield nothing: what is written goes to files of its own."""
        yield from ()


def grain_of(kernel: Kernel, tensors: Iterable[AlignedTensor]) -> Grain:
    """Return how much of a tensor one worker must have: what the kernel asks, or whoever is read makes at once."""
    if kernel.grain is Grain.TENSOR or any(tensor.grain is Grain.TENSOR for tensor in tensors):
        return Grain.TENSOR
    return kernel.grain
