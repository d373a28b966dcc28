"""TSV-Merge (arXiv 2412.00081): the leading singular vectors of each task, made orthogonal to those of the others.

Of every matrix of T tasks each gives its ⌊r/T⌋ leading singular triplets, r the shorter side. The left vectors of all
are replaced by the nearest orthonormal ones, so are the right, and the triplets added up.
"""

from __future__ import annotations

import numpy as np

from taskvec.methods.families.matrices import Matrices, MatrixOptions, matrix_rule, orthogonal_factor, singular
from taskvec.methods.method import Method
from taskvec.methods.part import Doubles


def _merge(matrices: Matrices, options: MatrixOptions) -> Doubles:  # noqa: ARG001
    rank = max(min(matrices.shape) // len(matrices), 1)
    found = [singular(matrix, rank) for matrix in matrices]
    left = orthogonal_factor(np.concatenate([one.left for one in found], axis=1))
    right = orthogonal_factor(np.concatenate([one.right for one in found]))
    merged: Doubles = (left * np.concatenate([one.values for one in found])) @ right
    return merged


tsv = Method(
    "tsv",
    matrix_rule(_merge),
    MatrixOptions,
    "leading singular vectors of each task, made orthogonal",
    "Wₜ ≈ UₜSₜVₜᵀ of rank ⌊r/T⌋; U = polar [U₁ … U_T], V likewise; W = λ U diag(S₁ … S_T) Vᵀ; what is no matrix: λ "
    "times the mean",
    "arXiv 2412.00081",
    "Full fine-tunes of different tasks in matrices: few directions carry a task, and they should not meet.",
)
