"""The fused kernels of a TIES merge: magnitudes counted, equal ones found, trimmed values elected and averaged.

A task's vector is a row of ``mixing`` float32 ``(T, S)`` times the S deltas of a chunk; a row that is one delta alone
is that delta, bit for bit. The magnitude of a float32 is its 31 bits below the sign: as integers they are in the order
of the absolute values. Other arguments are those of :mod:`taskvec.numerics.kernels`.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import njit

from taskvec.numerics.codes import F32
from taskvec.numerics.kernels import TILE, _load_deltas

LOW_BITS = 15
"""Bits of a magnitude that the second count looks at; the first looks at the 16 above them."""

HIGH_BINS = 1 << 16
LOW_BINS = 1 << LOW_BITS
NON_FINITE = 0x7F800000 >> LOW_BITS
"""The least high part of a magnitude that is infinity or NaN."""

_MAGNITUDE = np.uint32(0x7FFFFFFF)
_LOW_SHIFT = np.uint32(LOW_BITS)
_LOW_MASK = np.uint32(LOW_BINS - 1)


@njit(nogil=True, cache=True)
def _row(deltas, weights, count, scratch):  # type: ignore[no-untyped-def]
    only = -1
    others = 0
    for s in range(weights.size):
        if weights[s] == np.float32(1.0) and only < 0:
            only = s
        elif weights[s] != np.float32(0.0):
            others += 1
    if only >= 0 and others == 0:
        return deltas[only, :count]
    row = scratch[:count]
    row[:] = np.float32(0.0)
    for s in range(weights.size):
        if weights[s] != np.float32(0.0):
            for i in range(count):
                row[i] += weights[s] * deltas[s, i]
    return row


@njit(nogil=True, cache=True)
def count_high(base, base_code, raw, codes, centered, count, mixing, counts):  # type: ignore[no-untyped-def]
    """Count the high parts of the magnitudes of every task's vector in ``counts``, uint32 ``(T, HIGH_BINS)``."""
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            bits = _row(deltas, mixing[t], size, scratch).view(np.uint32)
            bins = counts[t]
            for i in range(size):
                bins[(bits[i] & _MAGNITUDE) >> _LOW_SHIFT] += np.uint32(1)


@njit(nogil=True, cache=True)
def count_low(base, base_code, raw, codes, centered, count, mixing, highs, counts):  # type: ignore[no-untyped-def]
    """Count the low parts of magnitudes whose high part is ``highs[t]`` in ``counts``, uint32 ``(T, LOW_BINS)``."""
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            bits = _row(deltas, mixing[t], size, scratch).view(np.uint32)
            bins = counts[t]
            high = highs[t]
            for i in range(size):
                magnitude = bits[i] & _MAGNITUDE
                if magnitude >> _LOW_SHIFT == high:
                    bins[magnitude & _LOW_MASK] += np.uint32(1)


@njit(nogil=True, cache=True)
def find_ends(  # type: ignore[no-untyped-def]
    base, base_code, raw, codes, centered, count, mixing, first, thresholds, waiting, ends
):
    """Count ``waiting[t]`` down at magnitudes equal to ``thresholds[t]``; where it gets to 0, note one past the place.

    ``first`` is the index in the tensor of the chunk's first element; ``ends`` is int64 ``(T,)``.
    """
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            if waiting[t] == 0:
                continue
            bits = _row(deltas, mixing[t], size, scratch).view(np.uint32)
            for i in range(size):
                if bits[i] & _MAGNITUDE == thresholds[t]:
                    waiting[t] -= 1
                    if waiting[t] == 0:
                        ends[t] = first + start + i + 1
                        break


@njit(nogil=True, cache=True)
def elect_and_average(  # type: ignore[no-untyped-def]
    base, base_code, raw, codes, centered, count, mixing, first, thresholds, ends, out
):
    """Write the TIES merge of one chunk to ``out``, float32 ``(count,)``.

    Kept of task t are magnitudes above ``thresholds[t]``, and equal ones at indices below ``ends[t]`` of the tensor.
    Sums are float64.
    """
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    sums = np.empty((2, TILE), np.float64)
    votes = np.empty((2, TILE), np.int32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        sums[:] = 0.0
        votes[:] = 0
        for t in range(mixing.shape[0]):
            row = _row(deltas, mixing[t], size, scratch)
            split = min(max(ends[t] - first - start, 0), size)
            _add_kept(row, 0, split, thresholds[t], sums, votes)
            _add_kept(row, split, size, thresholds[t] + np.uint32(1), sums, votes)
        _average(sums, votes, out[start : start + size])


@njit(nogil=True, cache=True)
def _add_kept(row, start, stop, least, sums, votes):  # type: ignore[no-untyped-def]
    bits = row.view(np.uint32)
    for i in range(start, stop):
        value = row[i] if bits[i] & _MAGNITUDE >= least else np.float32(0.0)
        sums[0, i] += np.float64(max(value, np.float32(0.0)))
        sums[1, i] -= np.float64(min(value, np.float32(0.0)))
        votes[0, i] += np.int32(value > np.float32(0.0))
        votes[1, i] += np.int32(value < np.float32(0.0))


@njit(nogil=True, cache=True)
def _average(sums, votes, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        is_plus = sums[0, i] >= sums[1, i]
        total = sums[0, i] if is_plus else -sums[1, i]
        voters = votes[0, i] if is_plus else votes[1, i]
        out[i] = np.float32(total / np.float64(max(voters, np.int32(1))))


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) these kernels, so that the memory they take is known before planning."""
    raw, codes, centered = np.zeros((1, 4), np.uint8), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    chunk = (raw[0], F32, raw, codes, centered, 1, np.ones((1, 1), np.float32))
    bits, places = np.zeros(1, np.uint32), np.zeros(1, np.int64)
    counts = np.zeros((1, LOW_BINS), np.uint32)
    count_high(*chunk, counts)
    count_low(*chunk, bits, counts)
    find_ends(*chunk, 0, bits, places, places)
    elect_and_average(*chunk, 0, bits, places, np.zeros(1, np.float32))
