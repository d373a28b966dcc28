"""The loop that everything else is built on: read aligned chunks, run the kernel, write, add up in order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from taskvec.streaming.events import BytesDone, PassFinished, PassStarted, Resumed
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.identity import check_unchanged, job_key, source_states
from taskvec.streaming.job import AlignedTensor, Arrays, Chunk, Job, Notes, RawRow
from taskvec.streaming.journal import Journal, Parts
from taskvec.streaming.plan import PlannedPass, RunOptions, plan_pass
from taskvec.streaming.units import Piece, Unit, make_units


def run(
    job: Job, options: RunOptions, journal: Journal | None = None, planned: PlannedPass | None = None
) -> dict[str, Arrays]:
    """Run one pass.

    Args:
        job: What to read, compute and write.
        options: The limits and the listener.
        journal: Where to note what is finished; the pass goes on from there. If not given, in the folder of
            ``options.notes``, if there is one.
        planned: The pass as it was planned under the same limits; planned now if not given.

    Returns:
        For each tensor that the kernel reduces, its small arrayss; sums are taken per piece and then in order.
    """
    if planned is None:
        planned = plan_pass(job.label, job.tensors, job.kernel, options, num_outputs=len(job.writers))
    started = time.perf_counter()
    options.listener(PassStarted(job.label, planned.read_bytes + planned.written_bytes))
    before = source_states(job)
    with _own_notes(job, options) if journal is None else nullcontext(journal) as notes:
        totals = (_run_tensors if job.kernel.notes is Notes.TENSORS else _run_units)(job, options, planned, notes)
    check_unchanged(job, before)
    options.listener(PassFinished(job.label, time.perf_counter() - started))
    return totals


def _run_units(job: Job, options: RunOptions, planned: PlannedPass, journal: Journal | None) -> dict[str, Arrays]:
    units = make_units([tensor.num_params for tensor in job.tensors])
    done = journal.done if journal else {}
    if journal:
        journal.start(job.sync)
    if done:
        for unit in units:
            if unit.index in done:
                _skip_written(job, unit)
        options.listener(Resumed(job.label, sum(_unit_bytes(job, unit) for unit in units if unit.index in done)))
    results = _results(job, options, planned, [unit for unit in units if unit.index not in done])
    totals: dict[str, Arrays] = {}
    for unit in units:
        parts = done.get(unit.index)
        if parts is None:
            parts = next(results)
            options.listener(BytesDone(job.label, _unit_bytes(job, unit)))
            if journal:
                journal.record(unit.index, parts)
        for piece, part in zip(unit.pieces, parts, strict=True):
            if part:
                _fold(job, piece, part, totals)
    return totals


def _own_notes(job: Job, options: RunOptions) -> AbstractContextManager[Journal | None]:
    """Return where a pass that nobody gave a journal notes what it has finished."""
    if options.notes is None or job.writers or job.kernel.notes is Notes.NOTHING:
        return nullcontext()
    key = job_key(job)
    return Journal(options.notes / f"{key}.journal", key)


def _run_tensors(job: Job, options: RunOptions, planned: PlannedPass, journal: Journal | None) -> dict[str, Arrays]:
    noted = journal.done if journal else {}
    totals = {job.tensors[tensor].name: parts[0] for tensor, parts in noted.items()}
    units = make_units([tensor.num_params for tensor in job.tensors])
    waiting = [unit for unit in units if any(piece.tensor not in noted for piece in unit.pieces)]
    if journal:
        journal.start(job.sync)
    if noted:
        done = sum(_unit_bytes(job, unit) for unit in units) - sum(_unit_bytes(job, unit) for unit in waiting)
        options.listener(Resumed(job.label, done))
    for unit, parts in zip(waiting, _results(job, options, planned, waiting), strict=True):
        options.listener(BytesDone(job.label, _unit_bytes(job, unit)))
        for piece, part in zip(unit.pieces, parts, strict=True):
            if not part or piece.tensor in noted:
                continue
            is_over = _fold(job, piece, part, totals)
            if is_over and journal:
                journal.record(piece.tensor, [totals[job.tensors[piece.tensor].name]])
    return totals


def _fold(job: Job, piece: Piece, part: Arrays, totals: dict[str, Arrays]) -> bool:
    """Join the arrays of a piece to those before it; returns whether it was the last of its tensor."""
    tensor = job.tensors[piece.tensor]
    total = job.kernel.fold(tensor, totals.get(tensor.name, ()), part)
    is_last = piece.stop == tensor.num_params
    totals[tensor.name] = job.kernel.conclude(tensor, total) if is_last else total
    return is_last


def _results(job: Job, options: RunOptions, planned: PlannedPass, units: Sequence[Unit]) -> Iterator[Parts]:
    spaces = _workspaces(job, planned)

    def work(unit: Unit) -> Parts:
        space = spaces.get()
        try:
            return [_do_piece(job, piece, space) for piece in unit.pieces]
        finally:
            spaces.put(space)
            if planned.forgets:
                _forget(job, unit)

    return EXECUTORS[options.executor].run(work, units, planned.workers)


def _forget(job: Job, unit: Unit) -> None:
    for piece in unit.pieces:
        for located in job.tensors[piece.tensor].located:
            located.checkpoint.forget(located.info.name, piece.start, piece.stop - piece.start)


def _skip_written(job: Job, unit: Unit) -> None:
    for piece in unit.pieces:
        tensor = job.tensors[piece.tensor]
        if tensor.output_dtype is not None:
            for writer in job.writers:
                writer.skip(tensor.name, piece.stop - piece.start)


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


def _do_piece(job: Job, piece: Piece, space: _Workspace) -> Arrays:
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
    rows = job.kernel.num_outputs(tensor, len(job.writers))
    written = tensor.output_dtype.itemsize * rows if tensor.output_dtype else 0
    return tensor.read_bytes(count) + count * written
