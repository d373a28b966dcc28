"""Rows of float32 as int8 with one scale a row: value ≈ scale · integer, with scale = max |row| / 127.

A tensor arrives in pieces of its flattened elements, in order; ``start`` is the index of a piece's first element.
"""

from __future__ import annotations

import numpy as np

from taskvec.numerics.compiling import compiled

LARGEST = 127
"""The largest integer in use; −128 is not, so that negation is exact."""


@compiled
def raise_maxima(values, start, row_length, maxima):  # type: ignore[no-untyped-def]
    """Raise ``maxima[row]`` (float32) to the largest magnitude of that row's elements in ``values`` (float32)."""
    for i in range(values.size):
        row = (start + i) // row_length
        magnitude = abs(values[i])
        maxima[row] = max(magnitude, maxima[row])


@compiled
def quantize(values, start, row_length, scales, out):  # type: ignore[no-untyped-def]
    """Write ``values / scale`` of each element's row, rounded to nearest even, to ``out`` (int8)."""
    for i in range(values.size):
        scale = scales[(start + i) // row_length]
        ratio = np.float64(values[i]) / np.float64(scale) if scale > 0 else 0.0
        out[i] = np.int8(min(max(np.rint(ratio), -LARGEST), LARGEST))


@compiled
def dequantize(integers, start, row_length, scales, out):  # type: ignore[no-untyped-def]
    """Write ``scale · integer`` to ``out`` (float32)."""
    for i in range(integers.size):
        out[i] = scales[(start + i) // row_length] * np.float32(integers[i])
