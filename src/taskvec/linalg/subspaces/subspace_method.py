"""What subspaces share: the record of a way to find it, and the directions that are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Directions:
    """Orthonormal directions whose eigenvalues are above a threshold.

    Attributes:
        vectors: ``(d, q)``.
        largest: The largest eigenvalue of all, above the threshold or not.
    """

    vectors: Matrix
    largest: float

    @classmethod
    def of(cls, vectors: Matrix, values: Matrix) -> Directions:
        """Return directions with the largest entry of each positive.

        Args:
            vectors: ``(d, q)``, orthonormal.
            values: All eigenvalues, in decreasing order.

        Returns:
            The directions.
        """
        return cls(_signed(vectors), float(values[0]) if len(values) else 0.0)

    @property
    def count(self) -> int:
        """Their number, q."""
        return int(self.vectors.shape[1])


@dataclass(frozen=True, slots=True)
class SubspaceMethod:
    """A way to find what subspaces share.

    Attributes:
        name: How users call it.
        find: From the k orthonormal bases, ``(d, r_i)``, and a threshold on eigenvalues to the directions above it.
        edge: The largest eigenvalue by chance, from density and number of tasks.
        formula: Of what the directions are eigenvectors, with T tasks.
        paper: Where it comes from.
        alone: The eigenvalue that every direction of a single task has, from the number of tasks.
        tightens: Whether eigenvalues are products that fall with every task.
    """

    name: str
    find: Callable[[Sequence[Matrix], float], Directions]
    edge: Callable[[float, int], float]
    formula: str
    paper: str
    alone: Callable[[int], float] = lambda _: 0.0
    tightens: bool = False


def decreasing(symmetric: Matrix) -> tuple[Matrix, Matrix]:
    """Return the eigenvalues of a symmetric matrix in decreasing order, and its eigenvectors."""
    values, vectors = np.linalg.eigh(symmetric)
    return values[::-1], vectors[:, ::-1]


def _signed(vectors: Matrix) -> Matrix:
    if not vectors.size:
        return vectors
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * np.where(largest < 0, -1.0, 1.0)
