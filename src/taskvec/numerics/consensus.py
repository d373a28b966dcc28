"""Kernels of merges on rows that are in memory: signs elected, elements dropped by a counter.

Rows are float32 or float64 ``(T, n)``; sums are float64, in the order of tasks. Every element is for itself, so nothing
depends on where a chunk begins.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from taskvec.numerics.kernels import TILE, _load_deltas

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


@njit(nogil=True, cache=True)
def mixed_deltas(base, base_code, raw, codes, centered, begin, mixing, out):  # type: ignore[no-untyped-def]
    """Write the vectors ``mixing @ deltas`` of elements ``begin:`` of a chunk to ``out``, float32 ``(T, count)``.

    A row of ``mixing`` that is one delta alone gives that delta, bit for bit. Other arguments are those of
    :mod:`taskvec.numerics.kernels`.
    """
    anchor = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, out.shape[1], TILE):
        size = min(TILE, out.shape[1] - start)
        at = begin + start
        _load_deltas(base, base_code, raw, codes, centered, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            row = out[t, start : start + size]
            row[:] = np.float32(0.0)
            for s in range(codes.size):
                weight = mixing[t, s]
                if weight == np.float32(1.0):
                    for i in range(size):
                        row[i] += deltas[s, i]
                elif weight != np.float32(0.0):
                    for i in range(size):
                        row[i] += weight * deltas[s, i]


@njit(nogil=True, cache=True)
def elect(rows, weights, normalize, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` float64 ``(n,)`` the weighted rows that have the sign of their sum, added up.

    The sign is + where the sum is zero. With ``normalize`` the result is divided by the weights of those rows, where
    these do not add up to zero.
    """
    sums = np.empty((2, TILE))
    shares = np.empty((2, TILE))
    for start in range(0, out.size, TILE):
        size = min(TILE, out.size - start)
        sums[:] = 0.0
        shares[:] = 0.0
        for t in range(rows.shape[0]):
            weight = weights[t]
            for i in range(size):
                value = weight * np.float64(rows[t, start + i])
                sums[0, i] += max(value, 0.0)
                sums[1, i] -= min(value, 0.0)
                shares[0, i] += weight if value > 0.0 else 0.0
                shares[1, i] += weight if value < 0.0 else 0.0
        for i in range(size):
            is_plus = sums[0, i] >= sums[1, i]
            total = sums[0, i] if is_plus else -sums[1, i]
            share = shares[0, i] if is_plus else shares[1, i]
            out[start + i] = total / share if normalize and abs(share) > 0.0 else total


@njit(nogil=True, cache=True)
def drop(row, key, first, keep, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the elements of a row that chance keeps, and 0 for the others.

    Element i is kept where a number that depends on ``key`` uint64 ``(2,)`` and ``first + i`` alone, uniform on
    [0, 1), is less than ``keep[i]``. A ``keep`` of one number stands for all.
    """
    for i in range(row.size):
        probability = keep[min(i, keep.size - 1)]
        is_kept = _uniform(key, np.uint64(first + i)) < probability
        out[i] = row[i] if is_kept else 0.0


@njit(nogil=True, cache=True)
def _uniform(key, index):  # type: ignore[no-untyped-def]
    bits = index * _GOLDEN + key[0]
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST ^ key[1]
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    bits ^= bits >> np.uint64(31)
    return np.float64(bits >> np.uint64(11)) * _UNIT
