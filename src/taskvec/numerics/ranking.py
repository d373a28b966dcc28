"""Ranks of magnitudes within rows: a sort by counting, byte by byte, of the bits of float32 magnitudes."""

from __future__ import annotations

import functools

import numpy as np

from taskvec.numerics.compiling import compiled

_MAGNITUDE = np.uint32(0x7FFFFFFF)


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) this kernel, so that the memory that it takes is known before planning."""
    magnitude_ranks(np.zeros(1, np.float32), 1, np.zeros(1))


@compiled
def magnitude_ranks(values, length, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` the rank of every magnitude among the ``length`` of its row, from 0; equal ones by index.

    Args:
        values: float32 ``(n,)``, whole rows.
        length: Elements of a row.
        out: float64 ``(n,)``.
    """
    keys = np.empty(length, np.uint32)
    sorted_keys = np.empty(length, np.uint32)
    order = np.empty(length, np.uint32)
    sorted_order = np.empty(length, np.uint32)
    starts = np.empty(256, np.int64)
    for begin in range(0, values.size, length):
        bits = values[begin : begin + length].view(np.uint32)
        for i in range(length):
            keys[i] = bits[i] & _MAGNITUDE
            order[i] = i
        for byte in range(4):
            shift = np.uint32(8 * byte)
            starts[:] = 0
            for i in range(length):
                starts[(keys[i] >> shift) & np.uint32(255)] += 1
            before = 0
            for digit in range(256):
                count = starts[digit]
                starts[digit] = before
                before += count
            for i in range(length):
                digit = (keys[i] >> shift) & np.uint32(255)
                place = starts[digit]
                starts[digit] += 1
                sorted_keys[place] = keys[i]
                sorted_order[place] = order[i]
            keys, sorted_keys = sorted_keys, keys
            order, sorted_order = sorted_order, order
        for rank in range(length):
            out[begin + order[rank]] = rank
