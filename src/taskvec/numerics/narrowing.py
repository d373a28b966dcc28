"""How any small float rounds a finite float32: to nearest even, in its subnormal range too."""

from __future__ import annotations

import numpy as np

from taskvec.numerics.compiling import compiled

MAGNITUDE = np.uint32(0x7FFFFFFF)
"""All bits of a float32 but its sign."""

EXPONENT = np.uint32(0x7F800000)
"""The bits of infinity; greater magnitudes are NaN."""

_ONE_EXPONENT = np.uint32(0x00800000)


@compiled
def narrowed(value, magnitude, least, units, shift):  # type: ignore[no-untyped-def]
    """Return the exponent and fraction bits of a small float, the sign bit left out.

    Args:
        value: The number, float32.
        magnitude: Its bits without the sign.
        least: The bits of the format's least normal number; below it numbers are multiples of 1 / ``units``.
        units: How many of the format's least steps make 1, a float64.
        shift: How many fraction bits the format lacks.
    """
    if magnitude < least:
        return np.uint32(np.rint(abs(np.float64(value)) * units))  # np.round would make numba ready to compile
    odd = (magnitude >> shift) & np.uint32(1)
    below_half = (np.uint32(1) << (shift - np.uint32(1))) - np.uint32(1)
    return (magnitude - (least - _ONE_EXPONENT) + below_half + odd) >> shift
