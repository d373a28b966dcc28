"""Widening stored bits to float32 and rounding float32 once, to nearest even, into stored bits.

All functions are compiled and run without the interpreter lock. Raw data arrives as bytes (``uint8``), because one
reused buffer serves every dtype; ``code`` is a constant of :mod:`taskvec.numerics.codes`.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from taskvec.numerics.codes import BF16, F8_E4M3, F8_E5M2, F16, F32
from taskvec.numerics.compiling import compiled
from taskvec.numerics.float8 import round_e4m3, round_e5m2, widen_e4m3, widen_e5m2
from taskvec.numerics.narrowing import EXPONENT, MAGNITUDE, narrowed

_LEAST_HALF = np.uint32(0x38800000)  # 2^-14
_QUIET_NAN = np.uint32(0x00400000)
_HALF_SCALE = np.float32(2.0**112)  # moves a half's exponent, read as float32 bits, to its true value


@functools.cache
def warm_up(*functions: Literal["widen", "round_into"]) -> None:
    """Load (the first time: compile) these functions, so that the memory that they take is known before planning.

    Args:
        functions: Which.
    """
    raw, values = np.zeros(4, np.uint8), np.zeros(1, np.float32)
    if "widen" in functions:
        widen(raw, F32, 0, 1, values)
    if "round_into" in functions:
        round_into(values, F32, 0, raw)


@compiled
def widen(raw, code, start, stop, out):  # type: ignore[no-untyped-def]
    """Write elements ``start:stop`` of ``raw`` (uint8, native layout of ``code``) to ``out`` (float32), exactly."""
    count = stop - start
    if code == F32:
        out[:count] = raw[4 * start : 4 * stop].view(np.float32)
    elif code == BF16:
        brain = raw[2 * start : 2 * stop].view(np.uint16)
        bits = out.view(np.uint32)
        for i in range(count):
            bits[i] = np.uint32(brain[i]) << np.uint32(16)
    elif code == F16:
        _widen_half(raw[2 * start : 2 * stop].view(np.uint16), out[:count].view(np.uint32), out[:count])
    elif code == F8_E4M3:
        widen_e4m3(raw[start:stop], out[:count])
    elif code == F8_E5M2:
        widen_e5m2(raw[start:stop], out[:count])
    else:
        out[:count] = np.float32(0.0)


@compiled
def _widen_half(half, bits, out):  # type: ignore[no-untyped-def]
    for i in range(half.size):
        bits[i] = np.uint32(half[i] & np.uint16(0x7FFF)) << np.uint32(13)
    for i in range(half.size):
        out[i] *= _HALF_SCALE
    for i in range(half.size):
        special = EXPONENT if (half[i] & np.uint16(0x7C00)) == np.uint16(0x7C00) else np.uint32(0)
        bits[i] |= special | (np.uint32(half[i] & np.uint16(0x8000)) << np.uint32(16))


@compiled
def round_into(values, code, start, raw):  # type: ignore[no-untyped-def]
    """Round ``values`` (float32) to nearest even into elements ``start:`` of ``raw`` (uint8, layout of ``code``).

    Returns:
        False if a value, before or after rounding, is not finite.
    """
    count = values.size
    if code == F32:
        raw[4 * start : 4 * (start + count)].view(np.float32)[:] = values
        return all_finite_32(values.view(np.uint32))
    if code == F8_E4M3:
        return round_e4m3(values, values.view(np.uint32), raw[start : start + count])
    if code == F8_E5M2:
        return round_e5m2(values, values.view(np.uint32), raw[start : start + count])
    stored = raw[2 * start : 2 * (start + count)].view(np.uint16)
    if code == BF16:
        _round_brain(values.view(np.uint32), stored)
        return _all_finite_16(stored, np.uint16(0x7F80))
    _round_half(values, values.view(np.uint32), stored)
    return _all_finite_16(stored, np.uint16(0x7C00))


@compiled
def _round_brain(bits, stored):  # type: ignore[no-untyped-def]
    for i in range(stored.size):
        word = bits[i]
        rounded = (word + np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        is_nan = (word & MAGNITUDE) > EXPONENT
        stored[i] = np.uint16((word | _QUIET_NAN) >> np.uint32(16)) if is_nan else np.uint16(rounded)


@compiled
def _round_half(values, bits, stored):  # type: ignore[no-untyped-def]
    for i in range(stored.size):
        magnitude = bits[i] & MAGNITUDE
        sign = np.uint16((bits[i] >> np.uint32(16)) & np.uint32(0x8000))
        if magnitude > EXPONENT:
            half = np.uint16(0x7E00)
        elif magnitude >= np.uint32(0x47800000):  # 2^16 and above
            half = np.uint16(0x7C00)
        else:
            half = np.uint16(narrowed(values[i], magnitude, _LEAST_HALF, 2.0**24, np.uint32(13)))
        stored[i] = half | sign


@compiled
def all_finite_32(bits):  # type: ignore[no-untyped-def]
    """Return whether no float32, given as its bits, is infinity or NaN."""
    worst = np.uint32(0)
    for i in range(bits.size):
        worst = max(worst, bits[i] & EXPONENT)
    return worst != EXPONENT


@compiled
def _all_finite_16(stored, exponent):  # type: ignore[no-untyped-def]
    worst = np.uint16(0)
    for i in range(stored.size):
        worst = max(worst, stored[i] & exponent)
    return worst != exponent
