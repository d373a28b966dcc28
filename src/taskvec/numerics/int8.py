"""Rows of float32 as int8 with one scale a row: value ≈ scale · integer, with scale = max |row| / 127.

A tensor arrives in pieces of its flattened elements, in order; ``start`` is the index of a piece's first element.
"""

from __future__ import annotations

import functools

import numpy as np

from taskvec.numerics.compiling import compiled

LARGEST = 127
"""The largest integer in use; −128 is not, so that negation is exact."""


@functools.cache
def warm_up_reading() -> None:
    """Load (the first time: compile) what reads rows, so that the memory that it takes is known before planning."""
    dequantize(np.zeros(1, np.int8), 0, 1, np.zeros(1, np.float32), np.zeros(1, np.float32))


@functools.cache
def warm_up_writing() -> None:
    """Load (the first time: compile) what writes rows, so that the memory that it takes is known before planning."""
    values = np.zeros(1, np.float32)
    raise_maxima(values, 0, 1, values.copy())
    quantize(values, 0, 1, values, np.zeros(1, np.int8))


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
