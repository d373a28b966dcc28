"""Kernels of merges on rows that are in memory: signs elected, elements dropped by a counter.

Rows are float32 or float64 ``(T, n)``, widened from any dtype; sums are in the order of tasks. Every element is for
itself, so nothing depends on where a chunk begins.
"""

from __future__ import annotations

import numpy as np

from taskvec.numerics.compiling import compiled
from taskvec.numerics.kernels import TILE, load_deltas, mixed_row
from taskvec.numerics.rounding import all_finite_32

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_RANGE = 2.0**53


@compiled
def mixed_deltas(base, base_code, raw, codes, centered, begin, mixing, out):  # type: ignore[no-untyped-def]
    """Write the vectors ``mixing @ deltas`` of elements ``begin:`` of a chunk to ``out``, float32 ``(T, count)``.

    Other arguments are those of :mod:`taskvec.numerics.kernels`.

    Returns:
        False if a number is not finite.
    """
    finite = True
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, out.shape[1], TILE):
        size = min(TILE, out.shape[1] - start)
        at = begin + start
        load_deltas(base, base_code, raw, codes, centered, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            row = out[t, start : start + size]
            row[:] = mixed_row(deltas, mixing[t], size, scratch)
            finite &= all_finite_32(row.view(np.uint32))
    return finite


@compiled
def keep_above(rows, least, ends, first, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the elements of magnitudes above ``least[t]``, and equal ones at indices below ``ends[t]``.

    Others become 0. ``first`` is the index in the tensor of the rows' first element.
    """
    for t in range(rows.shape[0]):
        split = min(max(ends[t] - first, 0), rows.shape[1])
        row, kept = rows[t, :split], out[t, :split]
        for i in range(split):
            kept[i] = row[i] if abs(row[i]) >= least[t] else rows.dtype.type(0)
        row, kept = rows[t, split:], out[t, split:]
        for i in range(row.size):
            kept[i] = row[i] if abs(row[i]) > least[t] else rows.dtype.type(0)


@compiled
def elect(rows, weights, normalize, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the weighted rows that have the sign of their sum, added up; all of one dtype.

    The sign is that of the sum in float64, + where it is zero. With ``normalize`` the result is divided by the weights
    of those rows, where these do not add up to zero.
    """
    one = rows.dtype.type(1)
    balance = np.empty(TILE)
    sign = np.empty(TILE, rows.dtype)
    shares = np.empty(TILE, rows.dtype)
    for start in range(0, out.size, TILE):
        size = min(TILE, out.size - start)
        balance[:] = 0.0
        shares[:] = 0.0
        total = out[start : start + size]
        total[:] = 0.0
        for t in range(rows.shape[0]):
            _add_weighted(rows[t, start : start + size], weights[t], balance)
        for i in range(size):
            sign[i] = one if balance[i] >= 0.0 else -one
        for t in range(rows.shape[0]):
            _add_agreeing(rows[t, start : start + size], weights[t], sign, total, shares)
        for i in range(size):
            divisor = shares[i] if normalize and abs(shares[i]) > 0.0 else one
            total[i] = sign[i] * total[i] / divisor


@compiled
def _add_weighted(row, weight, total):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        total[i] += np.float64(weight) * np.float64(row[i])


@compiled
def _add_agreeing(row, weight, sign, total, shares):  # type: ignore[no-untyped-def]
    nothing = row.dtype.type(0)
    for i in range(row.size):
        value = weight * row[i] * sign[i]
        total[i] += max(value, nothing)
        shares[i] += weight if value > nothing else nothing


@compiled
def drop(row, key, first, keep, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the elements of a row that chance keeps, and 0 for the others.

    Element i is kept where a number that depends on ``key`` uint64 ``(2,)`` and ``first + i`` alone, uniform on
    [0, 2⁵³), is less than 2⁵³ times ``keep[i]``. A ``keep`` of one number stands for all.
    """
    nothing = row.dtype.type(0)
    if keep.size == 1:
        limit = np.uint64(np.ceil(keep[0] * _RANGE))  # whole numbers are compared, which is as exact, and many at once
        for i in range(row.size):
            out[i] = row[i] if _uniform(key, np.uint64(first + i)) < limit else nothing
        return
    for i in range(row.size):
        limit = np.uint64(np.ceil(keep[i] * _RANGE))
        out[i] = row[i] if _uniform(key, np.uint64(first + i)) < limit else nothing


@compiled
def _uniform(key, index):  # type: ignore[no-untyped-def]
    bits = index * _GOLDEN + key[0]
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST ^ key[1]
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    bits ^= bits >> np.uint64(31)
    return bits >> np.uint64(11)
