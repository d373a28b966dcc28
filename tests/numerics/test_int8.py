"""Rows as int8 with a scale each: what is written and read from any element on, against numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from taskvec.numerics.int8 import LARGEST, dequantize, quantize, raise_maxima

VALUES = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
VALUES[3] = 0
PLACES = np.arange(35) // 7


@pytest.mark.parametrize("cuts", [(0, 35), (0, 3, 7, 20, 35)])
def test_maxima_are_those_of_rows_however_they_arrive(cuts: tuple[int, ...]) -> None:
    maxima = np.array([0, 0, 100, 0, 0], np.float32)
    for start, stop in pairwise(cuts):
        raise_maxima(VALUES.reshape(-1)[start:stop], start, 7, maxima)
    wanted = np.abs(VALUES).max(axis=1)
    wanted[2] = 100
    np.testing.assert_array_equal(maxima, wanted)


@pytest.mark.parametrize(("start", "stop"), [(0, 35), (5, 9), (13, 35)])
def test_values_are_rounded_to_nearest_even_by_their_rows_scale(start: int, stop: int) -> None:
    scales = np.abs(VALUES).max(axis=1) / np.float32(127)
    scales[4] /= 2
    out = np.full(stop - start, 7, np.int8)
    flat, places = VALUES.reshape(-1)[start:stop], PLACES[start:stop]
    quantize(flat, start, 7, scales, out)
    with np.errstate(invalid="ignore"):
        ratios = np.nan_to_num(flat.astype(np.float64) / scales.astype(np.float64)[places])
    np.testing.assert_array_equal(out, np.clip(np.rint(ratios), -127, 127))
    assert np.abs(out.astype(int)).max() <= LARGEST == 127
    back = np.full(stop - start, 7, np.float32)
    dequantize(out, start, 7, scales, back)
    np.testing.assert_array_equal(back, scales[places] * out.astype(np.float32))


def test_ties_go_to_even_and_what_is_too_large_to_the_largest() -> None:
    out = np.empty(8, np.int8)
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300, 127.5], np.float32)
    quantize(values, 0, 8, np.ones(1, np.float32), out)
    assert out.tolist() == [0, 2, 2, 0, -2, 127, -127, 127]
