"""The subspace that k subspaces of R^d share, by any way to find it; what that costs grows with their ranks, not d²."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces import SUBSPACE_METHODS
from taskvec.linalg.subspaces.edge import above, meet_by_necessity
from taskvec.linalg.subspaces.subspace_method import Directions, Matrix


@dataclass(frozen=True, slots=True)
class Shared:
    """The subspace that some subspaces share.

    Attributes:
        directions: What was found.
        threshold: The threshold that was used.
        agreement: For each direction, the mean over the subspaces of its squared cosine with them, ``(q,)``.
    """

    directions: Directions
    threshold: float
    agreement: Matrix


@dataclass(frozen=True, slots=True)
class SubspaceRule:
    """How the shared subspace is found.

    Attributes:
        subspace: A name of ``SUBSPACE_METHODS``.
        threshold: The least eigenvalue; None for just above what chance gives (see ``edge``).
    """

    subspace: str = "mean"
    threshold: float | None = None

    def __post_init__(self) -> None:
        SUBSPACE_METHODS.find(self.subspace)
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise DecompositionError(
                f"a threshold of {self.threshold:g} is out of range: use edge, or a number between 0 and 1"
            )

    def check_tasks(self, num_tasks: int) -> None:
        """Refuse a number of tasks with which the rule means nothing.

        Raises:
            DecompositionError: If there is one task, or a threshold that every direction of every task passes.
        """
        if num_tasks < 2:
            raise DecompositionError(f"sharing takes at least two task vectors, not {num_tasks}: name more of them")
        alone = SUBSPACE_METHODS[self.subspace].alone(num_tasks)
        if self.threshold is not None and self.threshold <= alone:
            raise DecompositionError(
                f"a threshold of {self.threshold:g} is out of range: on the {self.subspace} of {num_tasks} tasks every "
                f"direction of any single one has {alone:.3g}: use edge, or more than that"
            )

    def share(self, bases: Sequence[Matrix], dimension: int) -> Shared:
        """Find what k subspaces share.

        Args:
            bases: Their orthonormal bases, ``(d, r_i)``; a subspace may be empty.
            dimension: The dimension of the space that they could fill: d, or less where some was taken out.

        Returns:
            The shared subspace; empty is a valid answer, and the only one where subspaces meet by necessity.
        """
        method = SUBSPACE_METHODS[self.subspace]
        density = sum(basis.shape[1] for basis in bases) / len(bases) / max(dimension, 1)
        if meet_by_necessity(density, len(bases)):
            limit, found = 1.0, method.find(bases, math.inf)  # an eigenvalue of 1 may be rounded up
        else:
            limit = above(method.edge(density, len(bases))) if self.threshold is None else self.threshold
            found = method.find(bases, limit)
        return Shared(found, limit, agreement(bases, found.vectors))


def agreement(bases: Sequence[Matrix], vectors: Matrix) -> Matrix:
    """Return the mean squared cosine of each direction with some subspaces.

    Args:
        bases: Orthonormal bases of the subspaces, ``(d, r_i)``.
        vectors: The directions, ``(d, q)``.

    Returns:
        Numbers from 0 to 1, ``(q,)``.
    """
    cosines = sum((np.square(basis.T @ vectors).sum(axis=0) for basis in bases), np.zeros(vectors.shape[1]))
    return np.minimum(cosines / len(bases), 1.0)
