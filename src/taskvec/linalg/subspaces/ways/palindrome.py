"""The eigenvectors of P₁P₂…P_k…P₂P₁ = CCᵀ, which is symmetric, with the squares of the chain's singular values.

They depend on which task comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import numpy as np

from taskvec.linalg.subspaces.edge import product_edge
from taskvec.linalg.subspaces.subspace_method import Directions, Matrix, SubspaceMethod, decreasing


def _find(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return the eigenvectors of P₁P₂…P_k…P₂P₁ with eigenvalues above a threshold.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``, in order.
        threshold: On squared cosines.

    Returns:
        The directions, within the first subspace.
    """
    steps = reduce(np.matmul, [left.T @ right for left, right in pairwise(bases)])
    values, vectors = decreasing(steps @ steps.T)
    kept = values > threshold
    return Directions.of(bases[0] @ vectors[:, kept], values)


palindrome = SubspaceMethod("palindrome", _find, product_edge, "CCᵀ", "ours", tightens=True)
