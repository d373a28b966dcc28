"""Whose is it? How much of an unknown delta lies in the unique space of each known task.

A task's unique space is what its singular directions leave when the shared subspace is taken out. Shares are of the
unknown's energy; unique spaces of different tasks are not orthogonal, so they need not add up to one. Beside each
stands what a random matrix would have: the dimension of the space over d. Ours, not the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.subspaces.precise import squared_norm, transposed_times
from taskvec.linalg.subspaces.remaining import remaining

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class SharesOfMatrix:
    """Energies of one unknown matrix.

    Attributes:
        energy: ‖X‖².
        shared: Of its part in the shared subspace.
        unique: Task → of its part in that task's unique space.
        chance: Task → what a random matrix of this norm would have there.
    """

    energy: float
    shared: float
    unique: Mapping[str, float]
    chance: Mapping[str, float]


def shares_of(matrix: Single, bases: Mapping[str, Matrix], shared: Matrix) -> SharesOfMatrix:
    """Measure an unknown matrix against known column spaces.

    Args:
        matrix: X, float32 ``(m, n)``.
        bases: Task → its singular directions, ``(m, r)``.
        shared: The shared directions, ``(m, q)``.

    Returns:
        The energies.
    """
    energy = squared_norm(matrix)
    own = {task: remaining(basis, shared) for task, basis in bases.items()}
    return SharesOfMatrix(
        energy=energy,
        shared=_energy_in(matrix, shared),
        unique={task: _energy_in(matrix, basis) for task, basis in own.items()},
        chance={task: energy * basis.shape[1] / matrix.shape[0] for task, basis in own.items()},
    )


def _energy_in(matrix: Single, basis: Matrix) -> float:
    return float(np.square(transposed_times(matrix, basis)).sum())
