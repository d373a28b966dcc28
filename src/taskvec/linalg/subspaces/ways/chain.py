"""The paper's: the eigenvectors of the chain C = P₁P₂…P_k of projectors.

C is not symmetric: its eigenvectors are not orthogonal, complex for k > 2, and change with the order of tasks. Real and
imaginary parts are orthonormalised, so that what they span can be projected on. Its eigenvalues are products of k − 1
squared cosines and fall as k grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import numpy as np

from taskvec.linalg.subspaces.edge import product_edge
from taskvec.linalg.subspaces.subspace_method import Directions, Matrix, SubspaceMethod

_DEPENDENT = 1e-8  # relative size below which a singular value of a set of directions counts as zero


def _find(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return an orthonormal basis of what the eigenvectors of P₁P₂…P_k above a threshold span.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``, in order.
        threshold: τ, on the real parts of eigenvalues.

    Returns:
        The directions, within the first subspace.
    """
    cycle = [*bases, bases[0]]
    steps = reduce(np.matmul, [left.T @ right for left, right in pairwise(cycle)])
    values, vectors = np.linalg.eig(steps)
    order = np.argsort(-values.real, kind="stable")
    kept = order[values.real[order] > threshold]
    span = np.concatenate([vectors[:, kept].real, vectors[:, kept].imag], axis=1)
    left, sizes, _ = np.linalg.svd(bases[0] @ span, full_matrices=False)
    independent = left[:, sizes > _DEPENDENT * sizes.max(initial=0.0)]
    return Directions.of(independent, values.real[order])


chain = SubspaceMethod("chain", _find, product_edge, "C = P₁P₂…P_T", "paper; orthonormalised by us", tightens=True)
