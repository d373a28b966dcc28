"""Products of a float32 matrix taken in float64, some rows at a time, so that no second copy of it is needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

_ELEMENTS = 1 << 20  # widened at once

WIDENED_BYTES = 8 * _ELEMENTS
"""What a widened block of rows takes; a single row may be longer."""


def times(matrix: Single, right: Matrix) -> Matrix:
    """Return W @ right, ``(m, q)``."""
    product = np.empty((matrix.shape[0], right.shape[1]))
    for rows in _blocks(matrix):
        np.matmul(matrix[rows].astype(np.float64), right, out=product[rows])
    return product


def transposed_times(matrix: Single, right: Matrix) -> Matrix:
    """Return Wᵀ @ right, ``(n, q)``."""
    product = np.zeros((matrix.shape[1], right.shape[1]))
    for rows in _blocks(matrix):
        product += matrix[rows].astype(np.float64).T @ right[rows]
    return product


def shorter_gram(matrix: Single) -> Matrix:
    """Return WWᵀ or WᵀW, whichever is smaller."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    total = np.zeros((tall.shape[1], tall.shape[1]))
    for rows in _blocks(tall):
        wide = tall[rows].astype(np.float64)
        total += wide.T @ wide
    return total


def squared_norm(matrix: Single) -> float:
    """Return ‖W‖_F²."""
    return float(sum(np.square(matrix[rows], dtype=np.float64).sum() for rows in _blocks(matrix)))


def _blocks(matrix: Single) -> Iterator[slice]:
    step = max(1, _ELEMENTS // max(1, matrix.shape[1]))
    for start in range(0, matrix.shape[0], step):
        yield slice(start, start + step)
