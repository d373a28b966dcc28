"""The eigenvectors of the mean projector P̄ = (1/k) Σ UᵢUᵢᵀ (ours, the default): no order of tasks counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taskvec.linalg.subspaces.edge import mean_edge
from taskvec.linalg.subspaces.subspace_method import Directions, Matrix, SubspaceMethod, decreasing


def _find(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return the eigenvectors of the mean projector (1/k) Σ UᵢUᵢᵀ with eigenvalues above a threshold.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``.
        threshold: τ′.

    Returns:
        The directions. Cost: R²d for R = Σ r_i, from the smaller of the stack's two Gram matrices.
    """
    stack = np.concatenate(bases, axis=1) / np.sqrt(len(bases))
    is_tall = stack.shape[1] <= stack.shape[0]
    values, vectors = decreasing(stack.T @ stack if is_tall else stack @ stack.T)
    kept = values > threshold
    chosen = vectors[:, kept]
    lifted = (stack @ chosen) / np.sqrt(values[kept]) if is_tall else chosen
    return Directions.of(lifted, values)


mean = SubspaceMethod("mean", _find, mean_edge, "P̄ = (1/T) Σ UᵢUᵢᵀ", "ours", alone=lambda num_tasks: 1 / num_tasks)
