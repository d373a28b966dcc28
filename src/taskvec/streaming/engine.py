"""The loop that everything else is built on: units to workers, results in order, notes for a run that is killed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext

from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming.aligned import Arrays
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted, Resumed
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.identity import check_unchanged, job_key, source_states
from taskvec.streaming.job import Job
from taskvec.streaming.journal import Journal, Parts
from taskvec.streaming.kernel import Notes
from taskvec.streaming.plan import PlannedPass, RunOptions, plan_pass
from taskvec.streaming.units import Piece, Unit
from taskvec.streaming.work import Task, let_go
from taskvec.types import Grain

MODEL = ""
"""The name under which a pass returns what it reduced the whole model to."""


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
        For each tensor that the kernel reduces, its small arrays; or one set of arrays for the whole model, under
        :data:`MODEL`. Sums are taken per piece and then in order.
    """
    if planned is None:
        planned = plan_pass(job.label, job.tensors, job.kernel, options, num_outputs=len(job.writers))
    units, started = job.units(), time.perf_counter()
    options.listener(PassStarted(job.label, sum(map(job.unit_bytes, units))))
    before = source_states(job)
    with _own_notes(job, options) if journal is None else nullcontext(journal) as notes, _threads(job):
        totals = _run_units(job, options, planned, units, notes)
    check_unchanged(job, before)
    options.listener(PassFinished(job.label, time.perf_counter() - started))
    return totals


def _own_notes(job: Job, options: RunOptions) -> AbstractContextManager[Journal | None]:
    """Return where a pass that nobody gave a journal notes what it has finished."""
    if options.notes is None or job.writers:
        return nullcontext()
    key = job_key(job)
    return Journal(options.notes / f"{key}.journal", key)


def _threads(job: Job) -> AbstractContextManager[None]:
    """Keep linear algebra to one thread a worker, where a pass calls it."""
    return one_thread_each() if job.grain is Grain.TENSOR else nullcontext()


def _run_units(
    job: Job, options: RunOptions, planned: PlannedPass, units: Sequence[Unit], journal: Journal | None
) -> dict[str, Arrays]:
    account = _Account(job, journal)
    waiting = [unit for unit in units if not account.takes_up(unit)]
    if journal:
        journal.start(job.sync)
        if journal.done:
            done = sum(map(job.unit_bytes, units)) - sum(map(job.unit_bytes, waiting))
            options.listener(Resumed(job.label, done))
    executor = EXECUTORS.find(options.executor)
    task = Task.of(job, planned, options)
    try:
        with closing(executor.run(task, waiting, planned.workers)) as results:
            for unit, parts in zip(waiting, results, strict=True):
                if executor.is_elsewhere:
                    job.skip(unit)  # these writers did not see it
                options.listener(BytesDone(job.label, job.unit_bytes(unit)))
                account.add(unit, parts)
    finally:
        let_go()
    return account.totals


class _Account:
    """What the units of a pass came to, joined in order, and noted in a journal.

    Attributes:
        totals: What the pass returns.
    """

    def __init__(self, job: Job, journal: Journal | None) -> None:
        self.totals: dict[str, Arrays] = {}
        self._job = job
        self._journal = journal
        self._is_by_tensor = job.kernel.notes is Notes.TENSORS
        self._noted = journal.done if journal else {}
        for tensor in self._noted if self._is_by_tensor else ():
            self._keep(tensor, self._noted[tensor][0])

    def takes_up(self, unit: Unit) -> bool:
        """Join what an earlier run noted of a unit; returns whether that was all of it."""
        if self._is_by_tensor:
            return all(piece.tensor in self._noted for piece in unit.pieces)
        if unit.index not in self._noted:
            return False
        self._job.skip(unit)
        self._join(unit, self._noted[unit.index])
        return True

    def add(self, unit: Unit, parts: Parts) -> None:
        """Join what a unit was reduced to, and note it."""
        if self._journal and not self._is_by_tensor:
            self._journal.record(unit.index, parts)
        self._join(unit, parts)

    def _join(self, unit: Unit, parts: Parts) -> None:
        for piece, part in zip(unit.pieces, parts, strict=True):
            if part and not (self._is_by_tensor and piece.tensor in self._noted):
                self._fold(piece, part)

    def _fold(self, piece: Piece, part: Arrays) -> None:
        """Join the arrays of a piece to those of the pieces of its tensor that came before."""
        tensor, kernel = self._job.tensors[piece.tensor], self._job.kernel
        total = kernel.fold(tensor, self.totals.pop(tensor.name, ()), part)
        if piece.stop < tensor.num_params:
            self.totals[tensor.name] = total
            return
        own = kernel.conclude(tensor, total)
        if self._journal and self._is_by_tensor:
            self._journal.record(piece.tensor, [own])
        self._keep(piece.tensor, own)

    def _keep(self, tensor: int, own: Arrays) -> None:
        """Keep what a tensor was reduced to, for itself or in the model's total."""
        model = self._job.kernel.reduce_model(self.totals.get(MODEL, ()), own)
        if model is None:
            self.totals[self._job.tensors[tensor].name] = own
        else:
            self.totals[MODEL] = model
