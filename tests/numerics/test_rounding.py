from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from taskvec.numerics.codes import BF16, F8_E4M3, F8_E5M2, F16, F32
from taskvec.numerics.rounding import round_into, widen

DTYPES = {"float32": (F32, np.float32), "float16": (F16, np.float16), "bfloat16": (BF16, ml_dtypes.bfloat16)}
NARROW = {"float16": DTYPES["float16"], "bfloat16": DTYPES["bfloat16"]}
EVERY_PATTERN = np.arange(1 << 16, dtype=np.uint16)


def widened(raw: np.ndarray, code: int, start: int = 0) -> np.ndarray:
    count = raw.size // {F32: 4, F16: 2, BF16: 2}[code] - start
    out = np.full(count, 7, np.float32)
    widen(raw, code, start, start + count, out)
    return out


def stored(values: np.ndarray, code: int, dtype: type) -> tuple[np.ndarray, bool]:
    raw = np.full(values.size * np.dtype(dtype).itemsize, 0xAA, np.uint8)
    is_finite = round_into(values.copy(), code, 0, raw)
    return raw.view(dtype), is_finite


def same_numbers(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal bits, but one NaN is as good as another."""
    unsigned = f"u{expected.dtype.itemsize}"
    is_nan = np.isnan(expected.astype(np.float32))
    same = np.where(is_nan, np.isnan(found.astype(np.float32)), found.view(unsigned) == expected.view(unsigned))
    return bool(same.all())


@pytest.mark.parametrize("name", NARROW)
def test_every_pattern_of_16_bits_is_widened_exactly(name: str) -> None:
    code, dtype = NARROW[name]
    expected = EVERY_PATTERN.view(dtype).astype(np.float32)
    assert same_numbers(widened(EVERY_PATTERN.view(np.uint8), code), expected)


@pytest.mark.parametrize("name", NARROW)
def test_every_pattern_of_16_bits_comes_back(name: str) -> None:
    code, dtype = NARROW[name]
    found, _ = stored(widened(EVERY_PATTERN.view(np.uint8), code), code, dtype)
    assert same_numbers(found, EVERY_PATTERN.view(dtype))


@pytest.mark.parametrize("name", NARROW)
def test_every_tie_and_both_its_neighbours_are_rounded_to_nearest_even(name: str) -> None:
    code, dtype = NARROW[name]
    numbers = EVERY_PATTERN.view(dtype).astype(np.float32)
    exact = np.unique(numbers[np.isfinite(numbers)].astype(np.float64))
    ties = ((exact[:-1] + exact[1:]) / 2).astype(np.float32).view(np.uint32)
    for patterns in (ties, ties - 1, ties + 1):
        values = patterns.view(np.float32)
        found, _ = stored(values, code, dtype)
        assert same_numbers(found, values.astype(dtype))


@pytest.mark.parametrize("name", DTYPES)
def test_random_float32_of_every_exponent_is_rounded_to_nearest_even(name: str) -> None:
    code, dtype = DTYPES[name]
    values = np.random.default_rng(0).integers(0, 1 << 32, 1 << 20, dtype=np.uint32).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = values.astype(dtype)
    found, _ = stored(values, code, dtype)
    assert same_numbers(found, expected)


@pytest.mark.parametrize("name", DTYPES)
def test_widening_starts_anywhere_and_stops_there(name: str) -> None:
    code, dtype = DTYPES[name]
    raw = np.random.default_rng(1).standard_normal(50).astype(dtype)
    out = np.full(9, 7, np.float32)
    widen(raw.view(np.uint8), code, 11, 18, out[:7])
    assert out.tolist() == [*raw[11:18].astype(np.float32).tolist(), 7, 7]


@pytest.mark.parametrize("name", DTYPES)
def test_rounding_starts_anywhere_and_stops_there(name: str) -> None:
    code, dtype = DTYPES[name]
    raw = np.zeros(50, dtype)
    round_into(np.arange(1, 8, dtype=np.float32), code, 11, raw.view(np.uint8))
    assert raw.astype(np.float32).tolist() == [*[0] * 11, 1, 2, 3, 4, 5, 6, 7, *[0] * 32]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 31, 99])
def test_one_value_that_is_not_finite_is_seen_wherever_it_is(name: str, bad: float, where: int) -> None:
    code, dtype = DTYPES[name]
    values = np.ones(100, np.float32)
    assert stored(values, code, dtype)[1]
    values[where] = bad
    assert not stored(values, code, dtype)[1]


@pytest.mark.parametrize(("name", "last"), [("float16", 0x477FEFFF), ("bfloat16", 0x7F7F7FFF), ("float32", 0x7F7FFFFF)])
def test_overflow_is_seen_where_rounding_makes_it_and_not_before(name: str, last: int) -> None:
    code, dtype = DTYPES[name]
    fits, overflows = np.array([last, last + 1], np.uint32).view(np.float32).reshape(2, 1)
    assert stored(fits, code, dtype)[1]
    assert not stored(overflows, code, dtype)[1]


def test_an_absent_tensor_is_widened_to_zeros() -> None:
    out = np.full(3, 7, np.float32)
    widen(np.empty(0, np.uint8), -1, 0, 3, out)
    assert out.tolist() == [0, 0, 0]


EIGHT = {"float8_e4m3fn": (F8_E4M3, ml_dtypes.float8_e4m3fn), "float8_e5m2": (F8_E5M2, ml_dtypes.float8_e5m2)}
EVERY_BYTE = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("name", EIGHT)
def test_every_pattern_of_8_bits_is_widened_exactly_and_comes_back(name: str) -> None:
    code, dtype = EIGHT[name]
    wide = np.full(255, 7, np.float32)
    widen(EVERY_BYTE, code, 1, 256, wide)
    assert same_numbers(wide, EVERY_BYTE[1:].view(dtype).astype(np.float32))
    back, is_finite = stored(wide, code, dtype)
    assert same_numbers(back, EVERY_BYTE[1:].view(dtype))
    assert not is_finite


@pytest.mark.parametrize("name", EIGHT)
def test_what_lies_between_8_bit_numbers_is_rounded_to_nearest_even(name: str) -> None:
    code, dtype = EIGHT[name]
    numbers = EVERY_BYTE.view(dtype).astype(np.float32)
    exact = np.unique(numbers[np.isfinite(numbers)].astype(np.float64))
    beyond = np.array([exact[-1] * 1.03, exact[-1] * 1.04, exact[-1] * 1.13, exact[-1] * 2, np.inf, np.nan, 1e-30])
    ties = np.append((exact[:-1] + exact[1:]) / 2, beyond).astype(np.float32)
    for values in (ties, np.nextafter(ties, np.float32(-np.inf)), np.nextafter(ties, np.float32(np.inf)), -ties):
        found, _ = stored(values, code, dtype)
        with np.errstate(over="ignore"):
            assert same_numbers(found, values.astype(dtype))


@pytest.mark.parametrize("name", EIGHT)
def test_finite_results_of_8_bits_are_said_to_be_finite(name: str) -> None:
    code, dtype = EIGHT[name]
    assert stored(np.float32([0, -1, 2.5, 440]), code, dtype)[1]
    assert not stored(np.float32([0, 1e9]), code, dtype)[1]
