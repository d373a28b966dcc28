"""Rows mixed, trimmed, elected and dropped: each kernel against numpy, bit for bit, across tiles."""

from __future__ import annotations

import numpy as np
import pytest
from chunks import CASES, make_chunk
from test_trimming import MIXING, mixed

from taskvec.numerics.consensus import drop, elect, elect_above, keep_above, mixed_deltas
from taskvec.numerics.kernels import TILE

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CHUNK = make_chunk(CASES["every dtype beside every other"])
COUNT = CHUNK.deltas.shape[1]
WORD = 2**64 - 1


@pytest.mark.parametrize(("begin", "count"), [(0, COUNT), (5, TILE), (4090, TILE + 1), (7, 1)])
def test_mixed_deltas_are_sums_of_sources_from_any_element_on(begin: int, count: int) -> None:
    out = np.full((len(MIXING), count), 7, np.float32)
    assert mixed_deltas(CHUNK.rows._replace(first=begin, size=count), MIXING, out)
    np.testing.assert_array_equal(out, mixed()[:, begin : begin + count])


def test_one_mixed_delta_that_is_not_finite_is_seen() -> None:
    out = np.empty((len(MIXING), COUNT), np.float32)
    for row in range(3):
        huge = MIXING.copy()
        huge[row, 4] = np.inf
        assert not mixed_deltas(CHUNK.rows, huge, out)


def above(rows: np.ndarray, least: np.ndarray, ends: np.ndarray, first: int) -> np.ndarray:
    index = np.arange(first, first + rows.shape[1])
    size, least = np.abs(rows), least[:, None]
    return np.where((size > least) | ((size == least) & (index < ends[:, None])), rows, 0)


@DTYPES
@pytest.mark.parametrize("first", [0, 1000])
def test_what_is_above_is_kept_and_of_equal_ones_the_first(dtype: type, first: int) -> None:
    rows = np.random.default_rng(0).integers(-3, 4, (6, 40)).astype(dtype)
    least, ends = np.array([1, 2, 2, 3, 2, 0], dtype), np.array([20, 0, 25, 40, 10**9, 3])
    out = np.full_like(rows, 7)
    keep_above(rows, least, ends + first * (ends > 0), first, out)
    np.testing.assert_array_equal(out, above(rows, least, ends + first * (ends > 0), first))


def elected(rows: np.ndarray, weights: np.ndarray, *, normalize: bool) -> np.ndarray:
    """Column by column, in the dtype of the rows; the election in float64."""
    out = np.zeros(rows.shape[1], rows.dtype)
    for i, column in enumerate(rows.T):
        balance = sum((float(w) * float(v) for w, v in zip(weights, column, strict=True)), start=0.0)
        sign = rows.dtype.type(1 if balance >= 0 else -1)
        total = share = rows.dtype.type(0)
        for weight, value in zip(weights, column, strict=True):
            if weight * value * sign > 0:
                total, share = total + weight * value * sign, share + weight
        out[i] = sign * total / (share if normalize and share else rows.dtype.type(1))
    return out


@DTYPES
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 0.25, 2.0], [1.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
def test_signs_are_elected_and_those_who_agree_are_added_up(dtype: type, normalize: bool, weights: list) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(-2, 3, (3, TILE + 9)).astype(dtype)
    rows[:, TILE:] = rng.standard_normal((3, 9))
    given, out = np.array(weights, dtype), np.full(TILE + 9, 7, dtype)
    elect(rows, given, normalize, out)
    np.testing.assert_array_equal(out, elected(rows, given, normalize=normalize))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("begin", [0, 4090])
def test_all_at_once_is_one_after_another(normalize: bool, begin: int) -> None:
    count = COUNT - begin
    rows, weights = mixed()[:, begin:], np.array([1.0, 0.5, 2.0, 0.25], np.float32)
    least = np.array([np.sort(np.abs(row))[count // 2] for row in rows], np.float32)
    equal = [np.flatnonzero(np.abs(row) == bound) for row, bound in zip(rows, least, strict=True)]
    left = np.array([1, 0, len(equal[2]) - 3, len(equal[3]) + 2])
    ends = np.array([equal[0][0] + 1, 0, equal[2][-4] + 1, count])
    out = np.full(count, 7, np.float32)
    assert elect_above(CHUNK.rows._replace(first=begin, size=count), MIXING, least, left, weights, normalize, out)
    trimmed = above(rows, least, ends, 0).astype(np.float32)
    np.testing.assert_array_equal(out, elected(trimmed, weights, normalize=normalize))
    assert left.tolist() == [0, 0, 0, 2]


def test_one_number_that_is_not_finite_is_seen_at_once() -> None:
    least, left, weights = np.zeros(4, np.float32), np.zeros(4, np.int64), np.ones(4, np.float32)
    for row in range(4):
        huge = MIXING.copy()
        huge[row, 4] = np.inf
        assert not elect_above(CHUNK.rows, huge, least, left, weights, False, np.empty(COUNT, np.float32))


def uniform(key: tuple[int, int], index: int) -> int:
    """SplitMix64's finish of a counter, twice keyed, with Python's integers: 53 bits."""
    z = (index * 0x9E3779B97F4A7C15 + key[0]) & WORD
    z = (((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD) ^ key[1]
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return (z ^ (z >> 31)) >> 11


@DTYPES
def test_what_is_dropped_depends_on_key_and_index_alone(dtype: type) -> None:
    key, first = (2**63 + 12345, 987654321), 10**6
    row, chances = np.arange(1, 201, dtype=dtype), np.linspace(0.01, 1, 200)
    for given in (np.array([0.3]), chances):
        out = np.full_like(row, 7)
        drop(row, np.array(key, np.uint64), first, given, out)
        wanted = [
            value if uniform(key, first + i) < chance * 2**53 else 0
            for i, (value, chance) in enumerate(zip(row, np.broadcast_to(given, 200), strict=True))
        ]
        np.testing.assert_array_equal(out, wanted)


def test_a_number_of_exactly_the_chance_is_dropped() -> None:
    key = (5, 6)
    chances = np.array([(uniform(key, i) + more) / 2**53 for i in range(20) for more in (0, 1)])
    out = np.empty(20)
    for more in (0, 1):
        drop(np.ones(20), np.array(key, np.uint64), 0, chances[more::2], out)
        assert out.tolist() == [more] * 20
        drop(np.ones(1), np.array(key, np.uint64), 0, chances[more : more + 1], out[:1])
        assert out[0] == more
