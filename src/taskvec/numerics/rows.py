"""What a kernel is given of a tensor: its elements in the base and in S sources, as they are on disk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rows(NamedTuple):
    """Elements ``first … first + size`` of the buffers, as raw bytes.

    Attributes:
        base: Those of the base, uint8 ``(W,)``; of no meaning where the base's dtype is ``NONE``.
        base_code: The base's dtype.
        raw: Those of the sources, uint8 ``(S, W)``, one row a source.
        codes: Their dtypes, int64 ``(S,)``, float8 to float32.
        centered: Whether row s is a fine-tuned model, whose delta is the row minus the base; otherwise the row itself
            is a delta. Bool ``(S,)``.
        first: The first element that is meant, counted in the buffers.
        size: How many are meant.
    """

    base: NDArray[np.uint8]
    base_code: int
    raw: NDArray[np.uint8]
    codes: NDArray[np.int64]
    centered: NDArray[np.bool_]
    first: int
    size: int


def one_row(itemsize: int = 4) -> Rows:
    """Return rows of one element, zero, of a base and one source in float32: for loading kernels."""
    raw = np.zeros((1, itemsize), np.uint8)
    return Rows(raw[0].copy(), 0, raw, np.zeros(1, np.int64), np.zeros(1, np.bool_), 0, 1)
