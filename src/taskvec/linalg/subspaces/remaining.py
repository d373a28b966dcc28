"""What is left of a subspace when another is taken out of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_GONE = 1e-6  # length below which nothing of a unit direction is left


def remaining(basis: Matrix, taken: Matrix) -> Matrix:
    """Return an orthonormal basis of the directions of a subspace that are furthest from another.

    Args:
        basis: Orthonormal, ``(d, r)``.
        taken: Orthonormal, ``(d, q)``; meant to lie within the subspace, or nearly.

    Returns:
        An orthonormal basis ``(d, max(r − q, 0))``, orthogonal to ``taken``.
    """
    if not taken.shape[1]:
        return basis
    rest = basis - taken @ (taken.T @ basis)
    left, sizes, _ = np.linalg.svd(rest, full_matrices=False)
    count = min(max(basis.shape[1] - taken.shape[1], 0), int(np.count_nonzero(sizes > _GONE)))
    kept: Matrix = left[:, :count]
    return kept
