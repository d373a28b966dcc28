"""Kernels of merges that select elements by how much tasks differ in them, and that erase minority signs.

Rows are float32 or float64 ``(T, n)``; arithmetic is float64, in the order of tasks, and every element is for itself.
"""

from __future__ import annotations

import functools
from functools import partial

import numpy as np

from taskvec.numerics.compiling import compiled
from taskvec.numerics.kernels import TILE


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) these kernels, so that the memory that they take is known before planning."""
    rows, selected = np.zeros((1, 1), np.float32), np.zeros((1, 1))
    variances(rows, rows[0].copy())
    select_varied(rows, rows[0, 0], 0, 0, selected)
    erase_minority(selected, selected[0], 0.0, selected[0].copy())


@compiled
def variances(rows, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the variance of every element over the tasks, rounded to the rows' dtype."""
    mean = np.empty(TILE)
    variance = np.empty(TILE)
    for start in range(0, out.size, TILE):
        size = min(TILE, out.size - start)
        _variances(rows[:, start : start + size], mean, variance)
        for i in range(size):
            out[start + i] = variance[i]


@compiled
def select_varied(rows, least, end, first, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` float64 the elements whose variance is above ``least``, or equals it at indices below ``end``.

    Others become 0. ``first`` is the index in the tensor of the rows' first element.
    """
    mean = np.empty(TILE)
    variance = np.empty(TILE)
    is_selected = np.empty(TILE, np.bool_)
    for start in range(0, rows.shape[1], TILE):
        size = min(TILE, rows.shape[1] - start)
        _variances(rows[:, start : start + size], mean, variance)
        split = min(max(end - first - start, 0), size)
        for i in range(size):
            rounded = rows.dtype.type(variance[i])
            is_selected[i] = rounded > least or (rounded == least and i < split)
        for t in range(rows.shape[0]):
            row, selected = rows[t, start : start + size], out[t, start : start + size]
            for i in range(size):
                selected[i] = np.float64(row[i]) if is_selected[i] else 0.0


@partial(compiled, error_model="numpy")
def erase_minority(rows, weights, least, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the weighted mean over the tasks whose sign is that of their sum, + where that is zero.

    Their weights count as at least ``least`` together.
    """
    sign = np.empty(TILE)
    share = np.empty(TILE)
    for start in range(0, out.size, TILE):
        size = min(TILE, out.size - start)
        total = out[start : start + size]
        total[:] = 0.0
        share[:] = 0.0
        _signs(rows[:, start : start + size], sign)
        for t in range(rows.shape[0]):
            row, weight = rows[t, start : start + size], weights[t]
            for i in range(size):
                agrees = row[i] * sign[i] > 0.0
                total[i] += weight * row[i] if agrees else 0.0
                share[i] += weight if agrees else 0.0
        for i in range(size):
            total[i] /= max(share[i], least)


@compiled
def _signs(rows, sign):  # type: ignore[no-untyped-def]
    """Write the sign of the sum of at most a tile of elements."""
    size = rows.shape[1]
    sign[:size] = 0.0
    for t in range(rows.shape[0]):
        row = rows[t]
        for i in range(size):
            sign[i] += row[i]
    for i in range(size):
        sign[i] = 1.0 if sign[i] >= 0.0 else -1.0


@compiled
def _variances(rows, mean, variance):  # type: ignore[no-untyped-def]
    """Write the mean and the variance of at most a tile of elements."""
    share = 1.0 / rows.shape[0]
    size = rows.shape[1]
    mean[:size] = 0.0
    variance[:size] = 0.0
    for t in range(rows.shape[0]):
        row = rows[t]
        for i in range(size):
            mean[i] += share * np.float64(row[i])
    for t in range(rows.shape[0]):
        row = rows[t]
        for i in range(size):
            away = np.float64(row[i]) - mean[i]
            variance[i] += share * (away * away)
