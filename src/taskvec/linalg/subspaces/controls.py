"""Controls: subspaces of the same rank that share nothing in particular, to be used in place of the shared one.

What a method gains over both is due to sharing, and not to having taken out that many directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.sides import Side
from taskvec.linalg.subspaces.singular import singular_factors
from taskvec.linalg.subspaces.subspaces import Shared, agreement
from taskvec.numerics.random import RandomElements

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


class Control(StrEnum):
    """``random``: random directions; ``sum``: the leading singular directions of the sum of the tasks."""

    RANDOM = "random"
    SUM = "sum"


def random_directions(dimension: int, count: int, key: str) -> Matrix:
    """Return random orthonormal directions ``(dimension, count)``; equal keys give equal directions."""
    elements = np.empty(dimension * count, np.float32)
    seed = int.from_bytes(blake3(key.encode()).digest(length=16), "little")
    RandomElements(seed).read_into(0, elements.view(np.uint8).data)
    return np.linalg.qr(elements.reshape(dimension, count).astype(np.float64))[0]


def sum_directions(total: Single, count: int, space: Side) -> Matrix:
    """Return the leading singular directions of a sum of matrices.

    Args:
        total: Σ Wᵢ, ``(m, n)``.
        count: How many.
        space: Of which side.

    Returns:
        ``(m, count)`` or ``(n, count)``; fewer where the sum has lower rank.
    """
    if not count:
        return np.zeros((space.dimension(total.shape), 0))
    return space.basis(singular_factors(total, RankRule(rank=count)))


def with_directions(shared: Shared, vectors: Matrix, bases: Sequence[Matrix]) -> Shared:
    """Return a finding with its directions replaced, and how well these agree with the tasks.

    Args:
        shared: What was found.
        vectors: The directions in its place, ``(d, q)``.
        bases: The tasks' subspaces.

    Returns:
        The control.
    """
    return replace(shared, directions=replace(shared.directions, vectors=vectors), agreement=agreement(bases, vectors))
