"""The kernels that find where tasks are trimmed: magnitudes counted, and equal ones found.

A task's vector is a row of ``mixing`` float32 ``(T, S)`` times the S deltas of a chunk. The magnitude of a float32 is
its 31 bits below the sign: as integers they are in the order of the absolute values. Other arguments are those of
:mod:`taskvec.numerics.kernels`.
"""

from __future__ import annotations

import functools

import numpy as np

from taskvec.numerics.compiling import compiled
from taskvec.numerics.kernels import TILE, load_deltas, mixed_row
from taskvec.numerics.narrowing import MAGNITUDE
from taskvec.numerics.rows import one_row

LOW_BITS = 15
"""Bits of a magnitude that the second count looks at; the first looks at the 16 above them."""

HIGH_BINS = 1 << 16
LOW_BINS = 1 << LOW_BITS
NON_FINITE = 0x7F800000 >> LOW_BITS
"""The least high part of a magnitude that is infinity or NaN."""

ALL = np.iinfo(np.int64).max
"""Stands for any number of equal magnitudes."""

_LOW_SHIFT = np.uint32(LOW_BITS)
_LOW_MASK = np.uint32(LOW_BINS - 1)
_ONE = np.uint32(1)
_HALF = np.uint64(32)


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) these kernels, so that the memory that they take is known before planning."""
    elements = (one_row(), np.ones((1, 1), np.float32))
    none, one = np.zeros(1, np.uint32), np.ones(1, np.int64)
    count_high(*elements, np.zeros((1, 2 * HIGH_BINS), np.uint32))
    count_low(*elements, none, np.zeros((1, LOW_BINS), np.uint64))
    find_ends(*elements, 0, none, one, one.copy())
    occurring(np.zeros(1, np.uint64), one, one.copy())
    join(one, one[None], one, one[None], np.zeros(2, np.int64), np.zeros((1, 2), np.int64))


@compiled
def count_high(rows, mixing, counts):  # type: ignore[no-untyped-def]
    """Count the high parts of the magnitudes of every task's vector in ``counts``, uint32 ``(T, 2 · HIGH_BINS)``.

    Of each high part, the first count is of magnitudes whose low part is zero, the second of all others.
    """
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((rows.codes.size, TILE), np.float32)
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            bits = mixed_row(deltas, mixing[t], size, scratch).view(np.uint32)
            bins = counts[t]
            for i in range(size):
                magnitude = bits[i] & MAGNITUDE
                is_fine = np.uint32(magnitude & _LOW_MASK != 0)
                bins[((magnitude >> _LOW_SHIFT) << _ONE) | is_fine] += _ONE


@compiled
def occurring(counts, keys, found):  # type: ignore[no-untyped-def]
    """Copy the counts that are not zero to ``found``, and where they are to ``keys``; returns how many there are.

    A count, uint64, is two of 32 bits; where it is found, the low half is of both together.
    """
    size = 0
    for key in range(counts.size):
        count = counts[key]
        if count:
            keys[size] = key
            found[size] = np.int64(count + (count >> _HALF))
            size += 1
    return size


@compiled
def join(keys, counts, more_keys, more_counts, all_keys, all_counts):  # type: ignore[no-untyped-def]
    """Merge two sorted lists of keys, the counts of each, int64 ``(C, n)``, added up; returns how many there are."""
    i = j = size = 0
    while i < keys.size or j < more_keys.size:
        is_first = j == more_keys.size or (i < keys.size and keys[i] <= more_keys[j])
        is_second = i == keys.size or (j < more_keys.size and more_keys[j] <= keys[i])
        all_keys[size] = keys[i] if is_first else more_keys[j]
        for c in range(counts.shape[0]):
            first, second = counts[c, i] if is_first else 0, more_counts[c, j] if is_second else 0
            all_counts[c, size] = first + second
        i += int(is_first)
        j += int(is_second)
        size += 1
    return size


@compiled
def count_low(rows, mixing, highs, counts):  # type: ignore[no-untyped-def]
    """Count the low parts of magnitudes whose high part is ``highs[t]`` in ``counts``, uint64 ``(T, LOW_BINS)``."""
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    matching = np.empty(TILE, np.uint16)
    deltas = np.empty((rows.codes.size, TILE), np.float32)
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            bits = mixed_row(deltas, mixing[t], size, scratch).view(np.uint32)
            bins = counts[t]
            for i in range(_gather_low(bits, highs[t], matching)):
                bins[matching[i]] += np.uint64(1)


@compiled
def _gather_low(bits, high, matching):  # type: ignore[no-untyped-def]
    size = 0
    for i in range(bits.size):
        magnitude = bits[i] & MAGNITUDE
        matching[size] = np.uint16(magnitude & _LOW_MASK)
        size += int(magnitude >> _LOW_SHIFT == high)
    return size


@compiled
def find_ends(rows, mixing, first, thresholds, waiting, ends):  # type: ignore[no-untyped-def]
    """Count ``waiting[t]`` down at magnitudes equal to ``thresholds[t]``; where it gets to 0, note one past the place.

    ``first`` is the index in the tensor of the chunk's first element; ``ends`` is int64 ``(T,)``.
    """
    anchor = np.empty(TILE, np.float32)
    scratch = np.empty(TILE, np.float32)
    deltas = np.empty((rows.codes.size, TILE), np.float32)
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        for t in range(mixing.shape[0]):
            if waiting[t] == 0:
                continue
            bits = mixed_row(deltas, mixing[t], size, scratch).view(np.uint32)
            place = take_equal(bits, thresholds[t], waiting[t : t + 1])
            if waiting[t] == 0:
                ends[t] = first + start + place


@compiled
def take_equal(bits, threshold, left):  # type: ignore[no-untyped-def]
    """Count ``left[0]`` down at magnitudes equal to the threshold, unless it is ``ALL``.

    Returns:
        One past the place where it gets to 0; all if it does not, none if it was.
    """
    if left[0] == ALL:
        return bits.size
    if left[0] == 0:
        return 0
    wanted, equal = left[0], np.uint32(0)
    for i in range(bits.size):
        equal += np.uint32(bits[i] & MAGNITUDE == threshold)
    left[0] -= min(np.int64(equal), wanted)
    return bits.size if left[0] else _after_equal(bits, threshold, wanted)


@compiled
def _after_equal(bits, threshold, wanted):  # type: ignore[no-untyped-def]
    """Return one past the place of the ``wanted``-th magnitude that is equal to the threshold."""
    for i in range(bits.size):
        wanted -= np.int64(bits[i] & MAGNITUDE == threshold)
        if wanted == 0:
            return i + 1
    return bits.size
