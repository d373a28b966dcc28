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
_FINE_SHIFT = np.uint64(32)


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
    """Count the high parts of the magnitudes of every task's vector in ``counts``, uint64 ``(T, HIGH_BINS)``.

    The low half of a count is of all magnitudes, the high half of those whose low part is not zero.
    """
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
                magnitude = bits[i] & _MAGNITUDE
                is_fine = np.uint64(magnitude & _LOW_MASK != 0)
                bins[magnitude >> _LOW_SHIFT] += np.uint64(1) + (is_fine << _FINE_SHIFT)


@njit(nogil=True, cache=True)
def occurring(counts, keys, found):  # type: ignore[no-untyped-def]
    """Copy the counts that are not zero to ``found``, and where they are to ``keys``; returns how many there are."""
    size = 0
    for key in range(counts.size):
        if counts[key]:
            keys[size] = key
            found[size] = counts[key]
            size += 1
    return size


@njit(nogil=True, cache=True)
def count_low(base, base_code, raw, codes, centered, count, mixing, highs, counts):  # type: ignore[no-untyped-def]
    """Count the low parts of magnitudes whose high part is ``highs[t]`` in ``counts``, uint64 ``(T, LOW_BINS)``."""
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    matching = np.empty(TILE, np.uint16)
    deltas = np.empty((codes.size, TILE), np.float32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            bits = _row(deltas, mixing[t], size, scratch).view(np.uint32)
            bins = counts[t]
            for i in range(_gather_low(bits, highs[t], matching)):
                bins[matching[i]] += np.uint64(1)


@njit(nogil=True, cache=True)
def _gather_low(bits, high, matching):  # type: ignore[no-untyped-def]
    size = 0
    for i in range(bits.size):
        magnitude = bits[i] & _MAGNITUDE
        matching[size] = np.uint16(magnitude & _LOW_MASK)
        size += int(magnitude >> _LOW_SHIFT == high)
    return size


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
            here = _count_equal(bits, thresholds[t])
            if here >= waiting[t]:
                ends[t] = first + start + _after_equal(bits, thresholds[t], waiting[t])
            waiting[t] -= min(here, waiting[t])


@njit(nogil=True, cache=True)
def _count_equal(bits, threshold):  # type: ignore[no-untyped-def]
    equal = np.uint32(0)
    for i in range(bits.size):
        equal += np.uint32(bits[i] & _MAGNITUDE == threshold)
    return np.int64(equal)


@njit(nogil=True, cache=True)
def _after_equal(bits, threshold, wanted):  # type: ignore[no-untyped-def]
    """Return one past the place of the ``wanted``-th magnitude that is equal to the threshold."""
    for i in range(bits.size):
        wanted -= np.int64(bits[i] & _MAGNITUDE == threshold)
        if wanted == 0:
            return i + 1
    return bits.size


@njit(nogil=True, cache=True)
def elect_and_average(  # type: ignore[no-untyped-def]
    base, base_code, raw, codes, centered, count, mixing, first, thresholds, ends, out
):
    """Write the TIES merge of one chunk to ``out``, float32 ``(count,)``.

    Kept of task t are magnitudes above ``thresholds[t]``, and equal ones at indices below ``ends[t]`` of the tensor.
    The sign is elected by float64 sums, the mean taken in float32.
    """
    num_tasks = mixing.shape[0]
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((codes.size, TILE), np.float32)
    kept = np.empty((num_tasks, TILE), np.float32)
    balance = np.empty(TILE, np.float64)
    votes = np.empty(TILE, np.float32)
    for start in range(0, count, TILE):
        size = min(start + TILE, count) - start
        _load_deltas(base, base_code, raw, codes, centered, start, start + size, anchor, deltas)
        balance[:] = 0.0
        for t in range(num_tasks):
            row = _row(deltas, mixing[t], size, scratch)
            split = min(max(ends[t] - first - start, 0), size)
            _keep(row[:split], thresholds[t], kept[t, :split], balance[:split])
            _keep(row[split:], thresholds[t] + np.uint32(1), kept[t, split:size], balance[split:size])
        merged = out[start : start + size]
        merged[:] = np.float32(0.0)
        votes[:] = np.float32(0.0)
        for t in range(num_tasks):
            _add_agreeing(kept[t, :size], balance[:size], merged, votes[:size])
        for i in range(size):
            merged[i] /= max(votes[i], np.float32(1.0))


@njit(nogil=True, cache=True)
def _keep(row, least, kept, balance):  # type: ignore[no-untyped-def]
    bits = row.view(np.uint32)
    for i in range(row.size):
        kept[i] = row[i] if bits[i] & _MAGNITUDE >= least else np.float32(0.0)
        balance[i] += np.float64(kept[i])


@njit(nogil=True, cache=True)
def _add_agreeing(kept, balance, total, votes):  # type: ignore[no-untyped-def]
    for i in range(kept.size):
        sign = np.float32(1.0) if balance[i] >= 0.0 else np.float32(-1.0)
        agreeing = max(kept[i] * sign, np.float32(0.0))
        total[i] += agreeing * sign
        votes[i] += np.float32(agreeing != np.float32(0.0))


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) these kernels, so that the memory they take is known before planning."""
    raw, codes, centered = np.zeros((1, 4), np.uint8), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    chunk = (raw[0], F32, raw, codes, centered, 1, np.ones((1, 1), np.float32))
    bits, places = np.zeros(1, np.uint32), np.zeros(1, np.int64)
    counts = np.zeros((1, LOW_BINS), np.uint64)
    count_high(*chunk, counts)
    occurring(counts.reshape(-1), places, counts[0, :1].copy())
    count_low(*chunk, bits, counts)
    find_ends(*chunk, 0, bits, places, places)
    elect_and_average(*chunk, 0, bits, places, np.zeros(1, np.float32))
