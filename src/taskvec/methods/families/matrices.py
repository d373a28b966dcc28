"""What methods of singular vectors share: which tensors are matrices, and orthogonal factors.

What is no matrix is averaged, as in the published code of TSV and Iso: biases and norms, but also convolutions and the
position embeddings of vision transformers, which have three dimensions. ``flatten`` (ours) takes tensors of more than
two dimensions as matrices too, for models that are made of convolutions. That code also averages whatever is called
text_projection, which no fine-tune of an image encoder changes; names are not looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Grain, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import flag


@dataclass(frozen=True)
class MatrixOptions(Scaled):
    """Options of a method on matrices."""

    flatten: bool = flag(
        False, "take a tensor of more than two dimensions as a matrix, its first dimension × the rest, not the mean"
    )

    def is_matrix(self, shape: tuple[int, ...]) -> bool:
        """Say whether a tensor of some shape is a matrix."""
        return len(shape) == 2 or (self.flatten and len(shape) > 2)


@dataclass(frozen=True)
class Singular:
    """W = U diag(S) Vᵀ, cut.

    Attributes:
        left: U, ``(m, r)``.
        values: S, ``(r,)``.
        right: Vᵀ, ``(r, n)``.
    """

    left: Doubles
    values: Doubles
    right: Doubles


def singular(matrix: Doubles, rank: int | None = None) -> Singular:
    """Return the leading singular triplets of a matrix, all if no rank is given.

    What is cut off is let go: those of many tasks take no more memory together than those of one.
    """
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return Singular(left, values, right) if rank is None else Singular(*_cut(left, values, right, rank))


def _cut(left: Doubles, values: Doubles, right: Doubles, rank: int) -> tuple[Doubles, Doubles, Doubles]:
    return left[:, :rank].copy(), values[:rank].copy(), right[:rank].copy()


def orthogonal_factor(matrix: Doubles) -> Doubles:
    """Return the nearest matrix with orthonormal columns or rows, UVᵀ; directions that W lacks are left out."""
    found = singular(matrix)
    least = max(matrix.shape) * float(np.finfo(np.float64).eps)
    rank = int(np.count_nonzero(found.values > found.values.max(initial=0.0) * least))
    factor: Doubles = found.left[:, :rank] @ found.right[:rank]
    return factor


class Matrices:
    """The T task vectors of one tensor as matrices, each made when it is asked for.

    Attributes:
        shape: ``(m, n)``.
    """

    def __init__(self, part: Part) -> None:
        self._rows = part.rows
        self.shape = (part.shape[0], part.base.size // part.shape[0])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Doubles]:
        for t in range(len(self._rows)):
            yield np.asarray(self._rows[t], np.float64).reshape(self.shape)

    def sum(self) -> Doubles:
        """Return Σ Wₜ."""
        total = np.zeros(self.shape)
        for matrix in self:
            total += matrix
        return total


def matrix_rule(merge: Callable[[Matrices, Any], Doubles]) -> Formula:
    """Make the rule of a method on matrices.

    Args:
        merge: From T matrices and options to the merged one.

    Returns:
        The rule; what is no matrix is averaged. Both are multiplied by λ.
    """

    def of_part(part: Part, options: MatrixOptions) -> Doubles:
        if not options.is_matrix(part.shape) or not part.base.size:
            return options.scaling * mean_of(part)
        return options.scaling * merge(Matrices(part), options).reshape(-1)

    return Formula(of_part, Grain.TENSOR)


def mean_of(part: Part) -> Doubles:
    """Return the mean task vector."""
    total = np.zeros(part.base.size)
    for t in range(len(part.rows)):
        total += part.rows[t]
    return total / len(part.rows)
