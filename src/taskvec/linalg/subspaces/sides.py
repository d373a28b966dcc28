"""From a shared subspace to the shared component of a matrix, as a product of a common factor and one of each task's.

``left`` (the paper's): P W = U (UᵀW); ``right``: W P = (WV) Vᵀ; ``both``: P_L W P_R = U (UᵀW VVᵀ). All are orthogonal
projections of W, so the squares of shared and unique norm add up to that of W.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.subspaces.precise import times, transposed_times
from taskvec.linalg.subspaces.singular import SingularFactors
from taskvec.linalg.subspaces.subspaces import Shared

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


class Side(StrEnum):
    """Which space of a matrix is looked at: that of its outputs (``left``), of its inputs (``right``), or both."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"

    @property
    def spaces(self) -> tuple[Side, ...]:
        """The single sides that it consists of."""
        return (Side.LEFT, Side.RIGHT) if self is Side.BOTH else (self,)

    def dimension(self, shape: tuple[int, ...]) -> int:
        """Return d for a matrix ``(m, n)``; the smaller for both sides."""
        return {Side.LEFT: shape[0], Side.RIGHT: shape[1], Side.BOTH: min(shape)}[self]

    def basis(self, factors: SingularFactors) -> Matrix:
        """Return the singular directions of a single side."""
        return factors.left if self is Side.LEFT else factors.right


@dataclass(frozen=True)
class Projection:
    """The shared component of one matrix for every task that shares in it.

    Attributes:
        side: Which spaces are projected on.
        shared: The shared subspace of each of these.
    """

    side: Side
    shared: dict[Side, Shared]

    @property
    def rank(self) -> int:
        """The largest rank that a shared component can have."""
        return min(self.shared[space].directions.count for space in self.side.spaces)

    def shapes(self, shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the shapes of the common factor and of a task's own, for a matrix ``(m, n)``."""
        left, right = (shape[0], self._inner), (self._inner, shape[1])
        return (right, left) if self.side is Side.RIGHT else (left, right)

    @property
    def _inner(self) -> int:
        return self.shared[self.side.spaces[0]].directions.count

    def common(self) -> Single:
        """Return the factor of all tasks: U ``(m, q)``, or Vᵀ ``(q, n)`` for the right side."""
        if self.side is Side.RIGHT:
            return np.ascontiguousarray(self._directions(Side.RIGHT).T)
        return self._directions(Side.LEFT)

    def own(self, matrix: Single) -> Single:
        """Return the factor of one task: UᵀW or UᵀWVVᵀ ``(q, n)``, or WV ``(m, q)`` for the right side.

        Args:
            matrix: W, float32 ``(m, n)``.

        Returns:
            The factor, taken in float64 and rounded once.
        """
        if self.side is Side.RIGHT:
            return times(matrix, self._directions(Side.RIGHT).astype(np.float64)).astype(np.float32)
        rows = transposed_times(matrix, self._directions(Side.LEFT).astype(np.float64)).T
        if self.side is Side.BOTH:
            right = self._directions(Side.RIGHT).astype(np.float64)
            rows = (rows @ right) @ right.T
        return np.ascontiguousarray(rows.astype(np.float32))

    def product(self, matrix: Single) -> Single:
        """Return the shared component itself, ``(m, n)``."""
        common, own = self.common(), self.own(matrix)
        return own @ common if self.side is Side.RIGHT else common @ own

    def _directions(self, space: Side) -> Single:
        return np.ascontiguousarray(self.shared[space].directions.vectors.astype(np.float32))
