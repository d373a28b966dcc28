"""The nearest matrix of low rank: from factors exactly, from a dense matrix by its leading singular directions.

By Eckart and Young no matrix of rank r is nearer than Σ_{i≤r} σᵢ uᵢ vᵢᵀ, and what is lost is (Σ_{i>r} σᵢ²)^½.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import singular_factors

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


class Factored(Protocol):
    """W = left @ right, two thin matrices that are read when asked for."""

    def scaled_left(self) -> Single:
        """Return the left factor ``(m, r)``."""
        ...

    def whole_right(self) -> Single:
        """Return the right factor ``(r, n)``."""
        ...


@dataclass(frozen=True)
class Truncated:
    """W ≈ left @ right, the singular values shared evenly between the two.

    Attributes:
        left: ``(m, r)``.
        right: ``(r, n)``.
        energy: ‖W‖_F².
        lost: ‖W − left @ right‖_F².
    """

    left: Matrix
    right: Matrix
    energy: float
    lost: float

    @property
    def rank(self) -> int:
        """The rank r."""
        rank: int = self.left.shape[1]
        return rank


def truncated_products(terms: Sequence[tuple[float, Factored]], rule: RankRule) -> Truncated:
    """Return Σ cᵢ BᵢAᵢ at a lower rank, never multiplied out.

    The factors are put side by side, [c₁B₁ c₂B₂ …] and [A₁; A₂; …], which is the sum itself and has no cross terms as
    the sum of Bs times the sum of As has. With QR decompositions of both, the singular values are those of the small
    R × R matrix between them: O((m + n)·R²) for R columns in all.

    Args:
        terms: Coefficients and products, of one shape.
        rule: How many directions are kept; directions that float32 cannot tell from zero never are.

    Returns:
        The nearest sum of that rank.
    """
    left = np.concatenate([c * product.scaled_left().astype(np.float64) for c, product in terms], axis=1)
    right = np.concatenate([product.whole_right().astype(np.float64) for _, product in terms])
    q_left, r_left = np.linalg.qr(left)
    q_right, r_right = np.linalg.qr(right.T)
    u, values, vt = np.linalg.svd(r_left @ r_right.T)
    squares = values**2
    energy = float(squares.sum())
    rank = _rank(squares, rule, energy, max(left.shape[0], right.shape[1]))
    root = np.sqrt(values[:rank])
    return Truncated(
        q_left @ (u[:, :rank] * root), (root[:, None] * vt[:rank]) @ q_right.T, energy, float(squares[rank:].sum())
    )


def truncated_matrix(matrix: Single, rule: RankRule, key: str, device: str) -> Truncated:
    """Return a dense matrix at a lower rank.

    Args:
        matrix: W, float32 ``(m, n)``.
        rule: How many directions are kept.
        key: Names the random numbers of the range finder; equal keys give equal results.
        device: Where to multiply.

    Returns:
        The nearest matrix of that rank; for large matrices, nearest up to the range finder's checked error.
    """
    found = singular_factors(matrix, rule, key=key, device=device)
    root = np.sqrt(found.values)
    lost = max(found.energy - float(np.square(found.values).sum()), 0.0)
    return Truncated(found.left * root, (found.right * root).T, found.energy, lost)


def _rank(squares: Matrix, rule: RankRule, energy: float, side: int) -> int:
    if not energy:
        return 0
    least = side * float(np.finfo(np.float32).eps)
    significant = int(np.count_nonzero(squares > squares[0] * least**2))
    chosen = rule.choose(squares, energy)
    return significant if chosen is None else min(chosen, significant)
