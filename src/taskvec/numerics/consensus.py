"""Kernels of merges on rows that are in memory: signs elected, elements dropped by a counter.

Rows are float32 or float64 ``(T, n)``, widened from any dtype; sums are in the order of tasks. Every element is for
itself, so nothing depends on where a chunk begins. Other arguments are those of :mod:`taskvec.numerics.kernels`.
"""

from __future__ import annotations

import functools

import numpy as np

from taskvec.numerics.compiling import compiled
from taskvec.numerics.kernels import TILE, load_deltas, mixed_row
from taskvec.numerics.rounding import all_finite_32
from taskvec.numerics.rows import one_row
from taskvec.numerics.trimming import take_equal

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_RANGE = 2.0**53


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) these kernels, so that the memory that they take is known before planning."""
    rows, one, mixing = np.zeros((1, 1), np.float32), np.ones(1, np.int64), np.ones((1, 1), np.float32)
    mixed_deltas(one_row(), mixing, rows)
    keep_above(rows, rows[0], one, 0, rows.copy())
    for some in (rows, rows.astype(np.float64)):
        elect(some, some[0], True, some[0].copy())
    elect_above(one_row(), mixing, rows[0], one, rows[0], True, rows[0].copy())
    drop(rows[0], np.zeros(2, np.uint64), 0, np.ones(1), rows[0].copy())


@compiled
def mixed_deltas(rows, mixing, out):  # type: ignore[no-untyped-def]
    """Write the vectors ``mixing @ deltas`` to ``out``, float32 ``(T, count)``.

    Returns:
        False if a number is not finite.
    """
    finite = True
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((rows.codes.size, TILE), np.float32)
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            row = mixed_row(deltas, mixing[t], size, scratch)
            copied = out[t, start : start + size]
            for i in range(size):  # which is vectorised; an assignment of slices is not
                copied[i] = row[i]
            finite &= all_finite_32(row.view(np.uint32))
    return finite


@compiled
def keep_above(rows, least, ends, first, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the elements of magnitudes above ``least[t]``, and equal ones at indices below ``ends[t]``.

    Others become 0. ``first`` is the index in the tensor of the rows' first element.
    """
    for t in range(rows.shape[0]):
        _keep(rows[t], least[t], min(max(ends[t] - first, 0), rows.shape[1]), out[t])


@compiled
def _keep(row, least, split, out):  # type: ignore[no-untyped-def]
    """Write the elements of a row of magnitudes above ``least`` to ``out``; before ``split``, equal ones too."""
    nothing = row.dtype.type(0)
    before, kept = row[:split], out[:split]
    for i in range(split):
        kept[i] = before[i] if abs(before[i]) >= least else nothing
    after, kept = row[split:], out[split:]
    for i in range(after.size):
        kept[i] = after[i] if abs(after[i]) > least else nothing


@compiled
def elect(rows, weights, normalize, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the weighted rows that have the sign of their sum, added up; all of one dtype.

    The sign is that of the sum in float64, + where it is zero. With ``normalize`` the result is divided by the weights
    of those rows, where these do not add up to zero.
    """
    for start in range(0, out.size, TILE):
        stop = min(start + TILE, out.size)
        _elect_tile(rows, start, stop, weights, normalize, out[start:stop])


@compiled
def elect_above(rows, mixing, least, left, weights, normalize, out):  # type: ignore[no-untyped-def]
    """Mix deltas, keep what is above, elect signs, tile by tile: nothing of the size of the rows is held.

    The bits are those of :func:`mixed_deltas`, :func:`keep_above` and :func:`elect`, one after another, where of the
    magnitudes equal to ``least[t]`` the first ``left[t]`` from here on are kept, which is counted down.

    Returns:
        False if a number is not finite.
    """
    finite = True
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((rows.codes.size, TILE), np.float32)
    kept = np.empty((mixing.shape[0], TILE), np.float32)
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            row = mixed_row(deltas, mixing[t], size, scratch)
            finite &= all_finite_32(row.view(np.uint32))
            split = take_equal(row.view(np.uint32), least.view(np.uint32)[t], left[t : t + 1])
            _keep(row, least[t], split, kept[t, :size])
        _elect_tile(kept, 0, size, weights, normalize, out[start : start + size])
    return finite


@compiled
def _elect_tile(rows, start, stop, weights, normalize, total):  # type: ignore[no-untyped-def]
    """Elect signs in columns ``start … stop`` of some rows, one tile at most."""
    one = rows.dtype.type(1)
    balance = np.zeros(total.size)
    sign = np.empty(total.size, rows.dtype)
    shares = np.zeros(total.size, rows.dtype)
    total[:] = rows.dtype.type(0)
    for t in range(rows.shape[0]):
        _add_weighted(rows[t, start:stop], weights[t], balance)
    for i in range(total.size):
        sign[i] = one if balance[i] >= 0.0 else -one
    for t in range(rows.shape[0]):
        _add_agreeing(rows[t, start:stop], weights[t], sign, total, shares)
    for i in range(total.size):
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
