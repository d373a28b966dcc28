"""A pass that takes one whole matrix at a time: planned in memory, run in parallel, taken up where it was.

The engine's passes cut tensors into units; singular directions need all of a matrix. Here the unit is a matrix, and
what is known of a finished one is a small document beside its factors; where that is there, nothing is done again.
Results do not depend on the number of workers: a matrix is one worker's from beginning to end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from taskvec.checkpoints import write_json_atomic
from taskvec.errors import MemoryLimitError
from taskvec.linalg.decomposition.precise import WIDENED_BYTES
from taskvec.linalg.decomposition.reading import CHUNK
from taskvec.linalg.decomposition.request import Request, matrix_shape
from taskvec.linalg.decomposition.singular import EXACT_SIDE
from taskvec.linalg.decomposition.splitting import split_matrix
from taskvec.numerics import warm_up
from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming import AlignedTensor, PlannedPass
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted, Resumed
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.memory import format_size, resident_bytes
from taskvec.streaming.plan import SLACK_BYTES
from taskvec.vectors.manifests import MatrixDocument, document_data, load_document

Numbered = tuple[int, AlignedTensor]
"""A matrix and its index among those of a request."""

Outcome = TypeVar("Outcome")

_HEADROOM_BYTES = 8 << 20  # the same command may begin a little larger the next time
_NUMBER = 8  # bytes of a float64


def factor_filename(index: int) -> str:
    """Return the file of the factors of a matrix."""
    return f"matrix_{index:05d}.safetensors"


def plan_matrices(request: Request) -> PlannedPass:
    """Choose how many matrices are split at once so that the whole process stays within the allowed memory.

    Args:
        request: What is asked.

    Returns:
        The planned pass. What it writes is known where a rank is given: at most that rank is shared.

    Raises:
        MemoryLimitError: If the largest matrix does not fit; the message says the least that would do.
    """
    options = request.store.options
    needs = sorted((_matrix_bytes(tensor, request) for tensor in request.matrices), reverse=True)
    reserved = _reserved_bytes()
    workers = max(1, min(options.workers, len(needs)))
    while workers > 1 and reserved + sum(needs[:workers]) > options.memory:
        workers -= 1
    projected = reserved + sum(needs[:workers])
    if projected > options.memory:
        largest = max(request.matrices, key=lambda tensor: _matrix_bytes(tensor, request))
        raise MemoryLimitError(
            f"{_label(request)}: {format_size(options.memory)} of memory is not enough for tensor {largest.name} "
            f"{list(largest.shape)} and its factors; the least that would do is "
            f"{-(-(projected + _HEADROOM_BYTES) >> 20)}MiB: raise --memory, or use --rank with less"
        )
    read = sum(_read_bytes(tensor) for tensor in request.matrices)
    written = sum(_written_bytes(tensor, request) for tensor in request.matrices)
    return PlannedPass(_label(request), read, written, len(needs), workers, CHUNK, projected, forgets=False)


def run_matrices(request: Request, planned: PlannedPass, folder: Path) -> tuple[MatrixDocument, ...]:
    """Split every matrix; factors are written to the folder.

    Args:
        request: What is asked.
        planned: From :func:`plan_matrices`.
        folder: Where files and notes go; what an earlier run of the same request left there is taken up.

    Returns:
        What was found, in the order of the request's matrices.
    """
    items = list(enumerate(request.matrices))
    waiting = [item for item in items if not _note(folder, item[0]).exists()]

    def work(item: Numbered) -> None:
        index, tensor = item
        found = split_matrix(tensor, request, folder / factor_filename(index))
        write_json_atomic(_note(folder, index), document_data(found))

    for _ in over_matrices(work, waiting, request, planned):
        pass
    return tuple(load_document(MatrixDocument, _note(folder, index)) for index, _ in items)


def over_matrices(
    work: Callable[[Numbered], Outcome], items: Sequence[Numbered], request: Request, planned: PlannedPass
) -> Iterator[Outcome]:
    """Do some work on every matrix, in parallel, and say how far it is.

    Args:
        work: What to do with a numbered matrix.
        items: The matrices that are left to do.
        request: What is asked.
        planned: How many at once.

    Yields:
        What came of each, in order.
    """
    options, label, started = request.store.options, planned.label, time.perf_counter()
    sizes = [_read_bytes(tensor) for _, tensor in items]
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


def _label(request: Request) -> str:
    return f"split {len(request.tasks)} task vectors in {len(request.matrices)} matrices"


def _read_bytes(tensor: AlignedTensor) -> int:
    """Return what is read: the base once, every task twice."""
    everything = tensor.read_bytes(tensor.num_params)
    base = tensor.base.info.nbytes if tensor.base else 0
    return 2 * everything - base


def _written_bytes(tensor: AlignedTensor, request: Request) -> int:
    if request.rule.rank is None:
        return 0
    height, width = matrix_shape(tensor)
    rank, tasks = request.rule.most(min(height, width)), len(request.tasks)
    common, own = (width, height) if request.side == "right" else (height, width)
    return 4 * rank * (common + tasks * own)


def _matrix_bytes(tensor: AlignedTensor, request: Request) -> int:
    """Return the most that splitting one matrix holds at once."""
    shape = matrix_shape(tensor)
    elements, short, both = tensor.num_params, min(shape), sum(shape)
    rank, tasks = request.rule.most(short), len(request.tasks)
    base = tensor.base.info.nbytes if tensor.base else 0
    copies = 4 * elements * (2 if request.control else 1)
    exact = 4 * _NUMBER * short**2
    search = exact if short <= EXACT_SIDE else max(exact, 2 * _NUMBER * both * (short // 8 + rank))
    factors = 2 * _NUMBER * both * rank
    widths = [space.dimension(shape) for space in request.side.spaces]
    bases = 3 * _NUMBER * tasks * rank * sum(widths)
    meeting = 4 * _NUMBER * min(tasks * rank, max(widths)) ** 2
    return base + copies + factors + bases + max(search, meeting) + 3 * WIDENED_BYTES


def _reserved_bytes() -> int:
    warm_up()
    square = np.eye(64)
    np.linalg.eigh(square @ square)  # what the linear algebra library takes for itself counts too
    return resident_bytes() + SLACK_BYTES
