"""What a pass over whole matrices costs: memory for as many at once as fit, bytes read, bytes of factors at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from taskvec.components.request import Request
from taskvec.errors import MemoryLimitError
from taskvec.linalg.subspaces.precise import WIDENED_BYTES
from taskvec.linalg.subspaces.singular import search_bytes
from taskvec.numerics import warm_up
from taskvec.streaming import AlignedTensor, PlannedPass, warm_up_reading
from taskvec.streaming.memory import format_size, resident_bytes
from taskvec.streaming.plan import SLACK_BYTES
from taskvec.vectors.matrix import CHUNK, matrix_shape

_HEADROOM_BYTES = 8 << 20  # the same command may begin a little larger the next time
_NUMBER = 8  # bytes of a float64


def plan_matrices(request: Request, label: str, read_bytes: Sequence[int], written_bytes: int = 0) -> PlannedPass:
    """Choose how many matrices are worked on at once so that the whole process stays within the allowed memory.

    Args:
        request: What is asked.
        label: What is done with the matrices.
        read_bytes: What is read for each.
        written_bytes: What is written in all, at most.

    Returns:
        The planned pass.

    Raises:
        MemoryLimitError: If the largest matrix does not fit; the message says the least that would do.
    """
    options = request.store.options
    needs = sorted((_matrix_bytes(tensor, request) for tensor in request.matrices), reverse=True)
    reserved = _reserved_bytes(request)
    workers = max(1, min(options.workers, len(needs)))
    while workers > 1 and reserved + sum(needs[:workers]) > options.memory:
        workers -= 1
    projected = reserved + sum(needs[:workers])
    if projected > options.memory:
        largest = max(request.matrices, key=lambda tensor: _matrix_bytes(tensor, request))
        raise MemoryLimitError(
            f"{label}: {format_size(options.memory)} of memory is not enough for tensor {largest.name} "
            f"{list(largest.shape)} and its factors; the least that would do is "
            f"{-(-(projected + _HEADROOM_BYTES) >> 20)}MiB: raise --memory, or use --rank with less"
        )
    return PlannedPass(label, sum(read_bytes), written_bytes, len(needs), workers, CHUNK, projected, forgets=False)


def with_threads(request: Request, planned: PlannedPass) -> Request:
    """Return a request that gives each matrix a share of the threads, where fewer matrices than these are at work."""
    return replace(request, threads=max(1, request.store.options.workers // planned.workers))


def base_bytes(tensor: AlignedTensor) -> int:
    """Return the bytes of the base's tensor; 0 where there is no base."""
    return tensor.base.info.nbytes if tensor.base else 0


def task_bytes(tensor: AlignedTensor) -> int:
    """Return the bytes of all tasks' tensors."""
    return tensor.read_bytes(tensor.num_params) - base_bytes(tensor)


def factor_bytes(tensor: AlignedTensor, request: Request) -> int:
    """Return the most that the factors of one matrix take on disk: all that a rank, or the matrix, lets be shared."""
    height, width = matrix_shape(tensor)
    rank = request.rule.most(min(height, width))
    common, own = (width, height) if request.side == "right" else (height, width)
    return 4 * rank * (len(request.tree) * common + len(request.tasks) * own)


def _matrix_bytes(tensor: AlignedTensor, request: Request) -> int:
    """Return the most that splitting one matrix holds at once."""
    shape = matrix_shape(tensor)
    short, both = min(shape), sum(shape)
    rank, tasks = request.rule.most(short), len(request.tasks)
    copies = 4 * tensor.num_params * (2 if request.control else 1)
    factors = 2 * _NUMBER * both * rank
    widths = [space.dimension(shape) for space in request.side.spaces]
    bases = 3 * _NUMBER * tasks * rank * sum(widths)
    meeting = 4 * _NUMBER * min(tasks * rank, max(widths)) ** 2
    search = search_bytes(shape, rank)
    return base_bytes(tensor) + copies + factors + bases + max(search, meeting) + 3 * WIDENED_BYTES


def _reserved_bytes(request: Request) -> int:
    warm_up("deltas", "gram")  # of what is read, and of what is hashed afterwards
    warm_up_reading(request.matrices)
    square = np.eye(64)
    np.linalg.eigh(square @ square)  # what the linear algebra library takes for itself counts too
    return resident_bytes() + SLACK_BYTES
