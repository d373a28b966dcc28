"""The change of a row's softmax is what extended precision says, also where it is tiny and terms nearly cancel."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.numerics.divergence import changes_by_divergence

Rows = np.ndarray

SIZES = pytest.mark.parametrize(
    ("scale", "change"), [(0.02, 2e-4), (0.02, 0.02), (1.0, 1e-3), (5.0, 2.0), (300.0, 100.0), (1e30, 1e30), (0.0, 0.0)]
)


def rows(length: int, scale: float, change: float, dtype: type = np.float64) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(length)
    base, delta = rng.standard_normal((2, 3 * length))
    return (scale * base).astype(dtype), (change * delta).astype(dtype)


def softmax(values: Rows) -> Rows:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True) + np.longdouble("1e-8")


def defined(base: Rows, delta: Rows, length: int) -> Rows:
    old, change = (one.reshape(-1, length).astype(np.longdouble) for one in (base, delta))
    theirs, ours = softmax(old), softmax(old + change)
    divergence = (ours * np.log(ours / theirs)).sum(axis=1, keepdims=True)
    return (abs(change) * np.maximum(divergence, 0)).reshape(-1)


@SIZES
@pytest.mark.parametrize("length", [1, 2, 511, 512, 513, 3000])
def test_it_is_the_definition_in_extended_precision(length: int, scale: float, change: float) -> None:
    base, delta = rows(length, scale, change)
    out = np.empty(3 * length)
    changes_by_divergence(base, delta, length, out)
    wanted = defined(base, delta, length).astype(np.float64)
    np.testing.assert_allclose(out, wanted, rtol=1e-6, atol=1e-15 * abs(delta).max())
    assert out.min() >= 0


def test_a_small_change_loses_no_digits() -> None:
    base, delta = rows(1024, 0.02, 2e-4)
    out = np.empty(base.size)
    changes_by_divergence(base, delta, 1024, out)
    np.testing.assert_allclose(out, defined(base, delta, 1024).astype(np.float64), rtol=2e-9)


def test_float32_is_rounded_once() -> None:
    base, delta = rows(700, 0.5, 0.1, np.float32)
    found, exact = np.empty(base.size, np.float32), np.empty(base.size)
    changes_by_divergence(base, delta, 700, found)
    changes_by_divergence(base.astype(np.float64), delta.astype(np.float64), 700, exact)
    np.testing.assert_array_equal(found, exact.astype(np.float32))


def test_every_row_is_for_itself() -> None:
    base, delta = rows(600, 0.5, 0.1)
    whole, alone = np.empty(base.size), np.empty(600)
    changes_by_divergence(base, delta, 600, whole)
    changes_by_divergence(base[600:1200], delta[600:1200], 600, alone)
    np.testing.assert_array_equal(whole[600:1200], alone)
