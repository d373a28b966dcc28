"""A pass that takes one whole matrix at a time: run in parallel, taken up where it was.

The engine's passes cut tensors into units; singular directions need all of a matrix. Here the unit is a matrix, and
what is known of a finished one is a small document beside its factors; where that is there, nothing is done again.
Results do not depend on the number of workers: a matrix is one worker's from beginning to end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from taskvec.checkpoints import write_json_atomic
from taskvec.components.matrix_plan import base_bytes, factor_bytes, plan_matrices, task_bytes, with_threads
from taskvec.components.request import Request
from taskvec.components.splitting import split_matrix
from taskvec.numerics.one_thread import one_thread_each
from taskvec.store.document import document_data, load_document
from taskvec.store.kinds.decompositions import MatrixDocument
from taskvec.streaming import AlignedTensor, PlannedPass
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted, Resumed
from taskvec.streaming.executors import EXECUTORS

Numbered = tuple[int, AlignedTensor]
"""A matrix and its index among those of a request."""

Outcome = TypeVar("Outcome")


def factor_filename(index: int) -> str:
    """Return the file of the factors of a matrix."""
    return f"matrix_{index:05d}.safetensors"


def plan_splitting(request: Request) -> PlannedPass:
    """Return what splitting all matrices costs; of what it writes, the most that there can be."""
    label = f"split {len(request.tasks)} task vectors in {len(request.matrices)} matrices"
    written = sum(factor_bytes(tensor, request) for tensor in request.matrices)
    return plan_matrices(request, label, _read_bytes(request), written)


def run_matrices(request: Request, planned: PlannedPass, folder: Path) -> tuple[MatrixDocument, ...]:
    """Split every matrix; factors are written to the folder.

    Args:
        request: What is asked.
        planned: From :func:`plan_splitting`.
        folder: Where files and notes go; what an earlier run of the same request left there is taken up.

    Returns:
        What was found, in the order of the request's matrices.
    """
    items, threaded = list(enumerate(request.matrices)), with_threads(request, planned)
    waiting = [item for item in items if not _note(folder, item[0]).exists()]

    def work(item: Numbered) -> None:
        index, tensor = item
        found = split_matrix(tensor, threaded, folder / factor_filename(index))
        write_json_atomic(_note(folder, index), document_data(found))

    for _ in over_matrices(work, waiting, request, planned, _read_bytes(request)):
        pass
    return tuple(load_document(MatrixDocument, _note(folder, index)) for index, _ in items)


def over_matrices(
    work: Callable[[Numbered], Outcome],
    items: Sequence[Numbered],
    request: Request,
    planned: PlannedPass,
    read_bytes: Sequence[int],
) -> Iterator[Outcome]:
    """Do some work on every matrix, in parallel, and say how far it is.

    Args:
        work: What to do with a numbered matrix.
        items: The matrices that are left to do.
        request: What is asked.
        planned: How many at once.
        read_bytes: What is read for each matrix of the request.

    Yields:
        What came of each, in order.
    """
    options, label, started = request.store.options, planned.label, time.perf_counter()
    sizes = [read_bytes[index] for index, _ in items]
    options.listener(PassStarted(label, planned.read_bytes))
    if len(items) < len(request.matrices):
        options.listener(Resumed(label, planned.read_bytes - sum(sizes)))
    with one_thread_each():
        for size, outcome in zip(sizes, EXECUTORS[options.executor].run(work, items, planned.workers), strict=True):
            options.listener(BytesDone(label, size))
            yield outcome
    options.listener(PassFinished(label, time.perf_counter() - started))


def forget_notes(folder: Path) -> None:
    """Remove the notes of a finished run."""
    for path in folder.glob(".matrix_*.json"):
        path.unlink()


def _note(folder: Path, index: int) -> Path:
    return folder / f".matrix_{index:05d}.json"


def _read_bytes(request: Request) -> list[int]:
    """Return what is read for each matrix: the base once, every task twice."""
    return [base_bytes(tensor) + 2 * task_bytes(tensor) for tensor in request.matrices]
