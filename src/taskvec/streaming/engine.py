"""The loop that everything else is built on: read aligned chunks, run the kernel, write, add up in order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from taskvec.streaming.events import BytesDone, PassFinished, PassStarted
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.job import AlignedTensor, Array, Chunk, Job, RawRow
from taskvec.streaming.plan import PlannedPass, RunOptions, plan_pass
from taskvec.streaming.units import Piece, Unit, make_units


def run(job: Job, options: RunOptions) -> dict[str, Array]:
    """Run one pass.

    Args:
        job: What to read, compute and write.
        options: The limits and the listener.

    Returns:
        For each tensor that the kernel reduces, its small array; sums are taken per piece and then in order.
    """
    planned = plan_pass(job.label, job.tensors, job.kernel, options, num_outputs=len(job.writers))
    started = time.perf_counter()
    options.listener(PassStarted(job.label, planned.read_bytes + planned.written_bytes))
    spaces = _workspaces(job, planned)

    def work(unit: Unit) -> list[Array | None]:
        space = spaces.get()
        try:
            return [_do_piece(job, piece, space) for piece in unit.pieces]
        finally:
            spaces.put(space)

    totals: dict[str, Array] = {}
    units = make_units([tensor.num_params for tensor in job.tensors])
    results = EXECUTORS[options.executor].run(work, units, planned.workers)
    for unit, parts in zip(units, results, strict=True):
        for piece, part in zip(unit.pieces, parts, strict=True):
            if part is not None:
                name = job.tensors[piece.tensor].name
                totals[name] = job.kernel.fold(totals.get(name), part)
        options.listener(BytesDone(job.label, _unit_bytes(job, unit)))
    options.listener(PassFinished(job.label, time.perf_counter() - started))
    return totals


@dataclass(frozen=True, slots=True)
class _Workspace:
    """The buffers of one worker, reused for every chunk."""

    base: RawRow
    raw: RawRow
    outputs: RawRow
    chunk_elements: int


def _workspaces(job: Job, planned: PlannedPass) -> SimpleQueue[_Workspace]:
    width = planned.chunk_elements * max((tensor.max_itemsize for tensor in job.tensors), default=1)
    spaces: SimpleQueue[_Workspace] = SimpleQueue()
    for _ in range(planned.workers):
        rows = np.empty((1 + job.num_sources + len(job.writers), width), np.uint8)
        outputs = rows[1 + job.num_sources :]
        spaces.put(_Workspace(rows[0], rows[1 : 1 + job.num_sources], outputs, planned.chunk_elements))
    return spaces


def _do_piece(job: Job, piece: Piece, space: _Workspace) -> Array | None:
    tensor = job.tensors[piece.tensor]
    state = job.kernel.begin(tensor)
    for start in range(piece.start, piece.stop, space.chunk_elements):
        stop = min(start + space.chunk_elements, piece.stop)
        chunk = Chunk(tensor, start, stop, space.base, space.raw[: len(tensor.sources)], space.outputs)
        _read(chunk)
        job.kernel.process(chunk, state)
        _write(job, chunk)
    return job.kernel.finish(state)


def _read(chunk: Chunk) -> None:
    tensor = chunk.tensor
    rows = [chunk.base, *chunk.raw] if tensor.base else list(chunk.raw)
    for located, row in zip(tensor.located, rows, strict=True):
        storage = located.info.dtype.storage
        typed = row[: chunk.count * storage.itemsize].view(storage)
        located.checkpoint.read_into(located.info.name, chunk.start, typed)


def _write(job: Job, chunk: Chunk) -> None:
    dtype = chunk.tensor.output_dtype
    if dtype is None:
        return
    for writer, row in zip(job.writers, chunk.outputs, strict=True):
        writer.write(chunk.tensor.name, chunk.start, row[: chunk.count * dtype.itemsize].view(dtype.storage))


def _unit_bytes(job: Job, unit: Unit) -> int:
    return sum(_piece_bytes(job, job.tensors[piece.tensor], piece.stop - piece.start) for piece in unit.pieces)


def _piece_bytes(job: Job, tensor: AlignedTensor, count: int) -> int:
    written = tensor.output_dtype.itemsize * len(job.writers) if tensor.output_dtype else 0
    return tensor.read_bytes(count) + count * written
