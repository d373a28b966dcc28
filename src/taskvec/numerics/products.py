"""Products of two thin factors, element by element: the same bits whichever elements are asked for."""

from __future__ import annotations

import functools

import numpy as np

from taskvec.numerics.compiling import compiled


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) this kernel, so that the memory that it takes is known before planning."""
    factor = np.zeros((1, 1), np.float32)
    add_product(factor, factor, 0, np.zeros(1, np.float32))


@compiled
def add_product(left, right, offset, out):  # type: ignore[no-untyped-def]
    """Add elements of ``left @ right`` to ``out``.

    Args:
        left: Float32 ``(rows, q)``.
        right: Float32 ``(q, n)``.
        offset: Where in the flattened product ``out`` begins.
        out: Float32 ``(count,)``; each element is summed over q in order.
    """
    width = right.shape[1]
    done = 0
    while done < out.size:
        row = (offset + done) // width
        first = (offset + done) % width
        count = min(width - first, out.size - done)
        segment = out[done : done + count]
        for k in range(right.shape[0]):
            weight = left[row, k]
            other = right[k, first : first + count]
            for i in range(count):
                segment[i] += weight * other[i]
        done += count
