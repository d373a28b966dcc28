"""Eigenvalues of the Gram matrix, and the basis that they say is best.

The M-term approximation of V ∈ R^{P×T} with the least Frobenius error is its uncentred singular value decomposition
(Eckart and Young), and all of it that lives in R^T comes from G = VᵀV: error² = Σ_{i>M} λᵢ(G). That a *convex* encoder
reaches it whenever the leading eigenvector is positive is ours; the paper (arXiv 2502.01015) trains a softmax encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigenvalues of a Gram matrix, largest first, and orthonormal eigenvectors with fixed signs.

    Attributes:
        values: Float64 ``(T,)``, none negative.
        vectors: Float64 ``(T, T)``, column i belongs to ``values[i]``.
    """

    values: Vector
    vectors: Matrix

    @classmethod
    def of(cls, gram: Matrix) -> Spectrum:
        """Decompose G; the entry of largest magnitude of each eigenvector is positive."""
        values, vectors = np.linalg.eigh(gram)
        order = np.argsort(values, kind="stable")[::-1]
        vectors = vectors[:, order]
        peaks = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(gram))]
        return cls(np.maximum(values[order], 0.0), vectors * np.where(peaks < 0, -1.0, 1.0))

    def optimal_errors(self) -> Vector:
        """Return the least relative error ‖V̂ − V‖_F / ‖V‖_F that M atoms can have, for M = 1 … T."""
        total = self.values.sum()
        tails = np.maximum(total - np.cumsum(self.values), 0.0)
        tails[-1] = 0.0
        return np.sqrt(tails / total) if total > 0 else np.zeros_like(tails)

    def encoder(self, num_atoms: int) -> tuple[Matrix, bool]:
        """Return B, ``(T, M)``, whose atoms VB span the best M-dimensional space.

        If the leading eigenvector is positive (it is where all inner products of task vectors are), each column is
        the smallest non-negative shift of an eigenvector along it, scaled to sum 1: every atom is a convex combination
        of task vectors, at the optimal error. Otherwise columns are eigenvectors scaled to absolute sum 1.

        Args:
            num_atoms: M.

        Returns:
            B, and whether it is convex.
        """
        columns = self.vectors[:, :num_atoms]
        leading = columns[:, :1]
        if not (leading > 0).all():
            return columns / np.abs(columns).sum(axis=0), False
        shift = np.maximum(-(columns / leading).min(axis=0), 0.0)
        shift[0] = 0.0
        convex = np.maximum(columns + shift * leading, 0.0)
        return convex / convex.sum(axis=0), True
