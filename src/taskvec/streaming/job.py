"""One pass over aligned tensors, described as a value: what is read, what is computed, what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap

from taskvec.streaming.aligned import AlignedTensor
from taskvec.streaming.kernel import ChunkKernel, TensorKernel, grain_of
from taskvec.streaming.sinks import TensorSink
from taskvec.streaming.units import Unit, make_units
from taskvec.types import Grain


@dataclass(frozen=True)
class Job:
    """One pass; a value that can be sent to another process.

    Attributes:
        label: What it does, in a few words, for progress and plans.
        tensors: What it reads.
        kernel: What it computes.
        writers: Where the output rows go, one writer a row; tensors without ``output_dtype`` are not written.
    """

    label: str
    tensors: Sequence[AlignedTensor]
    kernel: ChunkKernel | TensorKernel
    writers: tuple[TensorSink, ...] = ()

    @cached_property
    def num_sources(self) -> int:
        """S, the number of sources beside the base."""
        return max((len(tensor.sources) for tensor in self.tensors), default=0)

    @cached_property
    def grain(self) -> Grain:
        """How much of a tensor one worker must have."""
        return grain_of(self.kernel, self.tensors)

    def units(self) -> tuple[Unit, ...]:
        """Return what workers do in one go: blocks of elements, or whole tensors."""
        return make_units([tensor.num_params for tensor in self.tensors], self.grain)

    def unit_bytes(self, unit: Unit) -> int:
        """Return the bytes that are read and written for a unit; of whole tensors those read, others being unknown."""
        if self.kernel.grain is Grain.TENSOR:
            return sum(starmap(self.kernel.read_bytes, self._counts(unit)))
        return sum(
            self.kernel.read_bytes(tensor, count) + self.kernel.written_bytes(tensor, count, len(self.writers))
            for tensor, count in self._counts(unit)
        )

    def skip(self, unit: Unit) -> None:
        """Tell the writers that a unit was written without their seeing it."""
        for tensor, count in self._counts(unit):
            for writer, name, written in self.kernel.written(tensor, count, self.writers):
                writer.skip(name, written)

    def sync(self) -> None:
        """Bring all outputs to the disk."""
        for writer in self.writers:
            writer.sync()

    def _counts(self, unit: Unit) -> list[tuple[AlignedTensor, int]]:
        """Return the tensors of a unit, and how many elements of each are in it."""
        counts: dict[int, int] = {}
        for piece in unit.pieces:
            counts[piece.tensor] = counts.get(piece.tensor, 0) + piece.stop - piece.start
        return [(self.tensors[tensor], count) for tensor, count in counts.items()]
