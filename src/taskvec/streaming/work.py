"""What a worker does: one unit after another, with buffers that belong to it.

A task is a value: a job, and how much of it a worker may hold at once. Whoever runs it, in this process or in another,
has its own buffers, one set a thread, and its own open files.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from taskvec.streaming.aligned import Arrays, Chunk, RawRow
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Parts
from taskvec.streaming.kernel import ChunkKernel, TensorKernel
from taskvec.streaming.plan import PlannedPass, RunOptions
from taskvec.streaming.units import Piece, Unit

_NO_ROWS = np.empty((0, 0), np.uint8)


@dataclass(frozen=True)
class Task:
    """What is done with every unit of a job; called with a unit, it does it.

    Attributes:
        job: The job.
        chunk_elements: Elements that are read at once from each source.
        threads: How many may work at one whole tensor.
        forgets: Whether what was read is dropped from the page cache.
    """

    job: Job
    chunk_elements: int
    threads: int
    forgets: bool

    @classmethod
    def of(cls, job: Job, planned: PlannedPass, options: RunOptions) -> Task:
        """Return the task of a planned pass; where fewer tensors than threads are at work, each has a share of them."""
        return cls(job, planned.chunk_elements, max(1, options.workers // planned.workers), planned.forgets)

    def __call__(self, unit: Unit) -> Parts:
        """Return what the pieces of a unit were reduced to; of a whole tensor that comes with its last piece."""
        kernel = self.job.kernel
        try:
            if isinstance(kernel, TensorKernel):
                tensor = self.job.tensors[unit.pieces[-1].tensor]
                return [*(() for _ in unit.pieces[1:]), kernel.whole(tensor, self.job.writers, self.threads)]
            with _borrowed_rows(self._rows) as rows:
                return [self._reduced(kernel, piece, rows) for piece in unit.pieces]
        finally:
            if self.forgets:
                self._forget(unit)

    @cached_property
    def _rows(self) -> tuple[int, int]:
        """The shape of a thread's buffers: a row for the base, one for each source, one for each output."""
        width = self.chunk_elements * max((tensor.max_itemsize for tensor in self.job.tensors), default=1)
        return 1 + self.job.num_sources + len(self.job.writers), width

    def _reduced(self, kernel: ChunkKernel, piece: Piece, rows: RawRow) -> Arrays:
        tensor = self.job.tensors[piece.tensor]
        sources, outputs = rows[1 : 1 + len(tensor.sources)], rows[1 + self.job.num_sources :]
        state = kernel.begin(tensor)
        for start in range(piece.start, piece.stop, self.chunk_elements):
            chunk = Chunk(tensor, start, min(start + self.chunk_elements, piece.stop), rows[0], sources, outputs)
            chunk.fill()
            kernel.process(chunk, state)
            self._write(chunk)
        return kernel.finish(state)

    def _write(self, chunk: Chunk) -> None:
        dtype = chunk.tensor.output_dtype
        if dtype is None:
            return
        for writer, row in zip(self.job.writers, chunk.outputs, strict=True):
            writer.write(chunk.tensor.name, chunk.start, row[: chunk.count * dtype.itemsize].view(dtype.storage))

    def _forget(self, unit: Unit) -> None:
        for piece in unit.pieces:
            for located in self.job.tensors[piece.tensor].located:
                located.checkpoint.forget(located.info.name, piece.start, piece.stop - piece.start)


class _Own(threading.local):
    """What a thread has of its own, kept from unit to unit."""

    rows: RawRow = _NO_ROWS


_OWN = _Own()


@contextmanager
def _borrowed_rows(shape: tuple[int, int]) -> Generator[RawRow]:
    """Take this thread's buffers; a pass that runs within another, for what it reads, has its own."""
    rows, _OWN.rows = _OWN.rows, _NO_ROWS
    if rows.shape != shape:
        rows = np.empty(shape, np.uint8)
    try:
        yield rows
    finally:
        _OWN.rows = rows


def let_go() -> None:
    """Give the buffers of this thread back; those of other threads go with them."""
    _OWN.rows = _NO_ROWS
