"""Iso-C (arXiv 2502.04959): the sum of task matrices with one singular value, their mean, for all directions."""

from __future__ import annotations

import numpy as np

from taskvec.methods.families.matrices import Matrices, MatrixOptions, matrix_rule, orthogonal_factor
from taskvec.methods.method import Method
from taskvec.methods.part import Doubles


def _merge(matrices: Matrices, options: MatrixOptions) -> Doubles:  # noqa: ARG001
    total = matrices.sum()
    return orthogonal_factor(total) * float(np.linalg.svd(total, compute_uv=False).mean())


iso_c = Method(
    "iso_c",
    matrix_rule(_merge),
    MatrixOptions,
    "the sum of task matrices with equal singular values",
    "Σ Wₜ = U S Vᵀ; W = λ mean(S) U Vᵀ; what is no matrix: λ times the mean",
    "arXiv 2502.04959",
    "Sums in which a few directions of a few tasks drown the others.",
)
