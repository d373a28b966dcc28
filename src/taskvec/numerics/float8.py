"""Numbers of eight bits: widened by a table, rounded once to nearest even, as ml_dtypes defines them."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from taskvec.numerics.compiling import compiled
from taskvec.numerics.narrowing import EXPONENT, MAGNITUDE, narrowed

_BYTES = np.arange(256, dtype=np.uint8)
_E4M3_VALUES = _BYTES.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
_E5M2_VALUES = _BYTES.view(ml_dtypes.float8_e5m2).astype(np.float32)
_LEAST_E4M3 = np.uint32(0x3C800000)  # 2^-6
_LEAST_E5M2 = np.uint32(0x38800000)  # 2^-14


@compiled
def widen_e4m3(raw, out):  # type: ignore[no-untyped-def]
    """Write four exponent and three fraction bits as float32."""
    for i in range(raw.size):
        out[i] = _E4M3_VALUES[raw[i]]


@compiled
def widen_e5m2(raw, out):  # type: ignore[no-untyped-def]
    """Write five exponent and two fraction bits as float32."""
    for i in range(raw.size):
        out[i] = _E5M2_VALUES[raw[i]]


@compiled
def round_e4m3(values, bits, stored):  # type: ignore[no-untyped-def]
    """Round float32, also given as bits, to a format without infinity; return whether all results are finite."""
    broken = np.int64(0)
    for i in range(stored.size):
        magnitude = bits[i] & MAGNITUDE
        sign = np.uint8((bits[i] >> np.uint32(24)) & np.uint32(0x80))
        if magnitude > np.uint32(0x43E80000):  # above 464: nearer to what would follow 448, the largest number
            byte = np.uint8(0x7F)
        else:
            byte = np.uint8(narrowed(values[i], magnitude, _LEAST_E4M3, 2.0**9, np.uint32(20)))
        broken += np.int64(byte == np.uint8(0x7F))
        stored[i] = byte | sign
    return broken == 0


@compiled
def round_e5m2(values, bits, stored):  # type: ignore[no-untyped-def]
    """Round float32, also given as bits; return whether all results are finite."""
    broken = np.int64(0)
    for i in range(stored.size):
        magnitude = bits[i] & MAGNITUDE
        sign = np.uint8((bits[i] >> np.uint32(24)) & np.uint32(0x80))
        if magnitude > EXPONENT:
            byte = np.uint8(0x7E)
        elif magnitude >= np.uint32(0x47800000):  # 2^16 and above
            byte = np.uint8(0x7C)
        else:
            byte = np.uint8(narrowed(values[i], magnitude, _LEAST_E5M2, 2.0**16, np.uint32(21)))
        broken += np.int64(byte >= np.uint8(0x7C))
        stored[i] = byte | sign
    return broken == 0
