"""Fast ways to select, to erase and to rank are what the plain way is: bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.numerics.consensus import drop
from taskvec.numerics.ranking import magnitude_ranks
from taskvec.numerics.selection import erase_minority, select_varied, variances

Rows = np.ndarray
COUNT = 5000
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rows(dtype: type) -> Rows:
    """Few magnitudes, so that many are equal, and many sums are zero; more than a tile of them."""
    drawn = np.random.default_rng(3).integers(-3, 4, (3, COUNT)) * 0.1
    return np.asarray(drawn, dtype)


def varied(given: Rows) -> Rows:
    mean, variance = np.zeros(given.shape[1]), np.zeros(given.shape[1])
    for row in given:
        mean += 1 / 3 * row.astype(np.float64)
    for row in given:
        variance += 1 / 3 * (row - mean) ** 2
    return variance.astype(given.dtype)


@DTYPES
def test_variances_are_those_of_numpy(dtype: type) -> None:
    given = rows(dtype)
    out = np.empty(COUNT, dtype)
    variances(given, out)
    np.testing.assert_array_equal(out, varied(given))
    np.testing.assert_allclose(out, given.astype(np.float64).var(axis=0), rtol=1e-6, atol=1e-12)


@DTYPES
def test_what_varies_most_is_selected_and_of_equal_ones_the_first(dtype: type) -> None:
    given = rows(dtype)
    found = varied(given)
    least, end, first = np.sort(found)[COUNT // 2], 1000 + 4500, 1000
    out = np.empty(given.shape)
    select_varied(given, least, end, first, out)
    is_selected = (found > least) | ((found == least) & (np.arange(first, first + COUNT) < end))
    assert ((found == least) & ~is_selected).any()
    assert ((found == least) & is_selected).any()
    np.testing.assert_array_equal(out, np.where(is_selected, given, 0.0))


def test_minority_signs_are_erased() -> None:
    given, weights = rows(np.float64), np.array([0.2, 0.5, 0.3])
    out = np.empty(COUNT)
    erase_minority(given, weights, 1e-6, out)
    sign = np.where(given[0] + given[1] + given[2] >= 0, 1.0, -1.0)
    agrees = np.sign(given) == sign
    total = sum(w * np.where(a, row, 0.0) for w, a, row in zip(weights, agrees, given, strict=True))
    share = sum(w * a for w, a in zip(weights, agrees, strict=True))
    np.testing.assert_array_equal(out, total / np.maximum(share, 1e-6))


@pytest.mark.parametrize("length", [1, 7, 256, 700])
def test_ranks_are_those_of_a_stable_sort(length: int) -> None:
    rng = np.random.default_rng(length)
    drawn = rng.standard_normal(3 * length).astype(np.float32)
    coarse = np.round(drawn, 1)
    coarse[::5] *= -0.0
    for values in (drawn, coarse, drawn * np.float32(1e-40), np.zeros_like(drawn)):
        out = np.empty(values.size)
        magnitude_ranks(values, length, out)
        order = np.argsort(np.abs(values).reshape(3, length), axis=1, kind="stable")
        for row, ranked in zip(order, out.reshape(3, length), strict=True):
            np.testing.assert_array_equal(ranked[row], np.arange(length))


@pytest.mark.parametrize("chance", [1e-300, 0.1, 1 / 3, 0.5, 1 - 2.0**-53, 1.0])
def test_one_chance_for_all_drops_what_it_drops_element_by_element(chance: float) -> None:
    row = np.arange(1, 5001, dtype=np.float32)
    key = np.array([7, 2**63 + 5], np.uint64)
    one, each = np.empty_like(row), np.empty_like(row)
    drop(row, key, 12, np.array([chance]), one)
    drop(row, key, 12, np.full(row.size, chance), each)
    np.testing.assert_array_equal(one, each)
    assert abs(np.count_nonzero(one) / row.size - chance) < 0.03
