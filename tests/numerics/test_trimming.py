"""Magnitudes counted and equal ones found: each kernel against numpy on the bits of the same float32 numbers."""

from __future__ import annotations

import numpy as np
import pytest
from chunks import CASES, make_chunk

from taskvec.numerics.kernels import TILE
from taskvec.numerics.trimming import (
    ALL,
    HIGH_BINS,
    LOW_BINS,
    NON_FINITE,
    count_high,
    count_low,
    find_ends,
    join,
    occurring,
    take_equal,
)

CHUNK = make_chunk(CASES["every dtype beside every other"])
MIXING = np.array([[0, 1, 0, 0, 0, 0], [0.5, 0, -1, 0, 0, 2], [0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]], np.float32)


def mixed(chunk=CHUNK, mixing: np.ndarray = MIXING) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The vectors in float32, one source after another."""
    deltas = chunk.deltas.astype(np.float32)
    rows = np.zeros((len(mixing), deltas.shape[1]), np.float32)
    for weights, delta in zip(mixing.T, deltas, strict=True):
        rows += weights[:, None] * delta
    return rows


def magnitudes(rows: np.ndarray) -> np.ndarray:
    return rows.view(np.uint32) & 0x7FFFFFFF


def test_the_bins_are_those_of_the_format() -> None:
    assert (HIGH_BINS, LOW_BINS) == (2**16, 2**15)
    assert int(np.float32(np.inf).view(np.uint32)) >> 15 == NON_FINITE
    assert ALL == 2**63 - 1


def test_high_parts_are_counted_apart_from_those_with_a_low_part() -> None:
    counts = np.zeros((4, 2 * HIGH_BINS), np.uint32)
    counts[0, 7] = 5
    count_high(CHUNK.rows, MIXING, counts)
    found = magnitudes(mixed())
    wanted = np.stack([np.bincount(2 * (row >> 15) + (row % LOW_BINS != 0), minlength=2 * HIGH_BINS) for row in found])
    wanted[0, 7] += 5
    np.testing.assert_array_equal(counts, wanted)
    assert (wanted[1, ::2].any(), wanted[1, 1::2].any()) == (True, True)


def test_low_parts_are_counted_where_the_high_part_is_one() -> None:
    found = magnitudes(mixed())
    highs = np.array([np.bincount(row >> 15).argmax() for row in found], np.uint32)
    counts = np.zeros((4, LOW_BINS), np.uint64)
    counts[1, 3] = 2
    count_low(CHUNK.rows, MIXING, highs, counts)
    for t, (row, high) in enumerate(zip(found, highs, strict=True)):
        wanted = np.bincount(row[row >> 15 == high] % LOW_BINS, minlength=LOW_BINS)
        wanted[3] += 2 * (t == 1)
        np.testing.assert_array_equal(counts[t], wanted)


def test_counts_that_are_not_zero_are_found_with_both_halves_in_the_low_one() -> None:
    counts = np.array([0, 5 | 3 << 32, 0, 7, 2 << 32], np.uint64)
    keys, found = np.zeros(5, np.int64), np.zeros(5, np.int64)
    assert occurring(counts, keys, found) == 3
    assert keys[:3].tolist() == [1, 3, 4]
    assert found[:3].tolist() == [8 | 3 << 32, 7, 2 | 2 << 32]


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, {}), ({1: 2}, {}), ({}, {1: 2}), ({1: 2, 4: 1, 9: 3}, {2: 5, 4: 7}), ({5: 1}, {1: 1, 5: 2, 6: 4, 8: 1})],
)
def test_sorted_lists_are_merged_and_their_counts_added_up(first: dict[int, int], second: dict[int, int]) -> None:
    def listed(counts: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
        values = list(counts.values())
        return np.array(list(counts), np.int64), np.array([values, [10 * value for value in values]], np.int64)

    room = len(first) + len(second) + 1
    keys, counts = np.full(room, -1), np.full((2, room), -1)
    size = join(*listed(first), *listed(second), keys, counts)
    wanted = {key: first.get(key, 0) + second.get(key, 0) for key in sorted({*first, *second})}
    assert keys[:size].tolist() == list(wanted)
    assert counts[:, :size].tolist() == [list(wanted.values()), [10 * value for value in wanted.values()]]
    assert keys[size:].tolist() == [-1] * (room - size)


BITS = np.array([1.0, -1.0, 2.0, 1.0, -0.5, 1.0], np.float32).view(np.uint32)
ONE = np.float32(1).view(np.uint32)


@pytest.mark.parametrize(
    ("left", "place", "after"),
    [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 4, 0), (4, 6, 0), (5, 6, 1), (9, 6, 5), (ALL, 6, ALL)],
)
def test_equal_magnitudes_are_counted_down_to_the_place_of_the_last(left: int, place: int, after: int) -> None:
    waiting = np.array([left])
    assert take_equal(BITS, ONE, waiting) == place
    assert waiting[0] == after


def test_ends_are_where_so_many_equal_ones_have_been() -> None:
    found = magnitudes(mixed())
    thresholds = np.array([np.bincount(row >> 16).argmax() << 16 for row in found], np.uint32)
    thresholds[1] = found[1, TILE + 77]
    places = [np.flatnonzero(row == threshold) for row, threshold in zip(found, thresholds, strict=True)]
    assert len(places[2]) == found.shape[1] > TILE + 5
    wanted = np.array([1, 1, TILE + 5, 0])
    waiting, ends = wanted.copy(), np.full(4, -7)
    waiting[0] = len(places[0]) + 2
    find_ends(CHUNK.rows, MIXING, 1000, thresholds, waiting, ends)
    assert ends.tolist() == [-7, 1000 + places[1][0] + 1, 1000 + TILE + 5, -7]
    assert waiting.tolist() == [2, 0, 0, 0]
