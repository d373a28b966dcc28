"""Iso-CTS (arXiv 2502.04959): as Iso-C, with directions of single tasks beside those that are common.

The leading directions of Σ Wₜ are kept as common, the rest filled with the leading directions of each task outside the
common space, all made orthogonal and given one singular value. Each task has the nearest whole number of directions to
its share, as in the authors' code, and what is common gives way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.matrices import Matrices, MatrixOptions, matrix_rule, orthogonal_factor, singular
from taskvec.methods.method import Method
from taskvec.methods.part import Doubles
from taskvec.parameter import number


@dataclass(frozen=True)
class IsoCtsOptions(MatrixOptions):
    """Options of ``iso_cts``."""

    common: float = number(0.8, "the share of directions that are common to all tasks", least=0, most=1)


def _merge(matrices: Matrices, options: IsoCtsOptions) -> Doubles:
    short = min(matrices.shape)
    rest = short - int(options.common * short)
    own = min(round(rest / len(matrices)), short // len(matrices))  # the authors' rounding; theirs may exceed the side
    common = singular(matrices.sum(), short - own * len(matrices))
    outside = [singular(matrix - common.left @ (common.left.T @ matrix), own) for matrix in matrices] if own else []
    found = [common, *outside]
    left = orthogonal_factor(np.concatenate([one.left for one in found], axis=1))
    right = orthogonal_factor(np.concatenate([one.right for one in found]))
    merged: Doubles = left @ right * float(np.concatenate([one.values for one in found]).mean())
    return merged


iso_cts = Method(
    "iso_cts",
    matrix_rule(_merge),
    IsoCtsOptions,
    "as iso_c, with room for directions of single tasks",
    "k leading directions of Σ Wₜ and (r − k)/T of each Wₜ outside them, made orthogonal; W = λ mean(S) U Vᵀ; other "
    "tensors as in iso_c",
    "arXiv 2502.04959",
    "As iso_c with many tasks, some of which have nothing in the common directions.",
)
