"""Kernels of merges that select elements by how much tasks differ in them, and that erase minority signs.

Rows are float32 or float64 ``(T, n)``; arithmetic is float64, in the order of tasks, and every element is for itself.
"""

from __future__ import annotations

import numpy as np

from taskvec.numerics.compiling import compiled


@compiled
def variances(rows, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the variance of every element over the tasks, rounded to the rows' dtype."""
    for i in range(rows.shape[1]):
        out[i] = rows.dtype.type(_variance(rows, i))


@compiled
def select_varied(rows, least, end, first, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` float64 the elements whose variance is above ``least``, or equals it at indices below ``end``.

    Others become 0. ``first`` is the index in the tensor of the rows' first element.
    """
    for i in range(rows.shape[1]):
        variance = rows.dtype.type(_variance(rows, i))
        is_selected = variance > least or (variance == least and first + i < end)
        for t in range(rows.shape[0]):
            out[t, i] = np.float64(rows[t, i]) if is_selected else 0.0


@compiled
def erase_minority(rows, weights, least, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the weighted mean over the tasks whose sign is that of their sum, + where that is zero.

    Their weights count as at least ``least`` together.
    """
    for i in range(rows.shape[1]):
        balance = 0.0
        for t in range(rows.shape[0]):
            balance += rows[t, i]
        sign = 1.0 if balance >= 0.0 else -1.0
        total = 0.0
        share = 0.0
        for t in range(rows.shape[0]):
            if rows[t, i] * sign > 0.0:
                total += weights[t] * rows[t, i]
                share += weights[t]
        out[i] = total / max(share, least)


@compiled
def _variance(rows, i):  # type: ignore[no-untyped-def]
    share = 1.0 / rows.shape[0]
    mean = 0.0
    for t in range(rows.shape[0]):
        mean += share * np.float64(rows[t, i])
    variance = 0.0
    for t in range(rows.shape[0]):
        away = np.float64(rows[t, i]) - mean
        variance += share * (away * away)
    return variance
