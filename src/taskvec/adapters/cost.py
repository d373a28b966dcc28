"""What an extraction costs, known from headers: bytes read, and how many matrices fit in memory at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taskvec.errors import MemoryLimitError
from taskvec.linalg.subspaces.precise import WIDENED_BYTES
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import search_bytes
from taskvec.numerics import rounding, warm_up
from taskvec.streaming import AlignedTensor, PlannedPass, RunOptions, warm_up_reading
from taskvec.streaming.memory import format_size
from taskvec.vectors.factored_products import is_factored
from taskvec.vectors.forms import Form, LowRank
from taskvec.vectors.matrix import CHUNK, matrix_shape

_NUMBER = 8  # bytes of a float64
_HEADROOM_BYTES = 8 << 20  # the same command may begin a little larger the next time


def plan_extraction(
    label: str,
    tensors: Sequence[AlignedTensor],
    forms: Sequence[Form],
    rule: RankRule,
    options: RunOptions,
    *,
    times: int = 1,
    remedy: str = "leave the tensor out with --exclude",
) -> PlannedPass:
    """Choose how many matrices are worked on at once so that the whole process stays within the allowed memory.

    Args:
        label: What the pass does.
        tensors: The targets, aligned over the forms.
        forms: The forms.
        rule: How many directions are kept.
        options: The limits.
        times: How often all of it is done, one time after another.
        remedy: What else to do than raising --memory.

    Returns:
        The planned pass.

    Raises:
        MemoryLimitError: If the largest matrix does not fit; the message says the least that would do.
    """
    needs = sorted((_matrix_bytes(tensor, forms, rule) for tensor in tensors), reverse=True)
    warm_up("deltas", "gram")
    rounding.warm_up("round_into")
    warm_up_reading(tensors)
    reserved = options.reserved_bytes
    workers = max(1, min(options.workers, len(needs)))
    while workers > 1 and reserved + sum(needs[:workers]) > options.memory:
        workers -= 1
    projected = reserved + sum(needs[:workers])
    if projected > options.memory:
        largest = tensors[int(np.argmax([_matrix_bytes(tensor, forms, rule) for tensor in tensors]))]
        raise MemoryLimitError(
            f"{label}: {format_size(options.memory)} of memory is not enough for tensor {largest.name} "
            f"{list(largest.shape)}; the least that would do is {-(-(projected + _HEADROOM_BYTES) >> 20)}MiB: raise "
            f"--memory, or {remedy}"
        )
    read, written = times * sum(read_bytes(tensor, forms) for tensor in tensors), times * _written(tensors, rule)
    return PlannedPass(label, read, written, len(needs), workers, CHUNK, projected, forgets=False)


def read_bytes(tensor: AlignedTensor, forms: Sequence[Form]) -> int:
    """Return what is read of one matrix: whole tensors, or factors alone."""
    if is_factored(tensor, forms):
        return 4 * _rank(tensor, forms) * sum(matrix_shape(tensor))
    return tensor.read_bytes(tensor.num_params)


def _written(tensors: Sequence[AlignedTensor], rule: RankRule) -> int:
    if rule.rank is None:
        return 0
    shapes = [matrix_shape(tensor) for tensor in tensors]
    return sum(4 * rule.most(min(shape)) * sum(shape) for shape in shapes)


def _rank(tensor: AlignedTensor, forms: Sequence[Form]) -> int:
    """Return the columns of all factors side by side."""
    return sum(
        product.rank for form in forms if isinstance(form, LowRank) for product in form.products(tensor.name) or ()
    )


def _matrix_bytes(tensor: AlignedTensor, forms: Sequence[Form], rule: RankRule) -> int:
    shape = matrix_shape(tensor)
    short, both = min(shape), sum(shape)
    if is_factored(tensor, forms):
        columns = _rank(tensor, forms)
        return 5 * _NUMBER * both * columns + 4 * _NUMBER * columns**2
    base = tensor.base.info.nbytes if tensor.base else 0
    rank = rule.most(short)
    search = search_bytes(shape, rank)
    return base + 3 * 4 * tensor.num_params + 3 * _NUMBER * both * rank + search + 3 * WIDENED_BYTES
