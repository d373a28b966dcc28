"""Matrices whose shared subspace is known because it was put there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """k matrices ``(m, n)``: each has the planted columns, columns of its own, and noise.

    Attributes:
        matrices: Float32.
        shared: The planted directions, ``(m, q)``.
    """

    matrices: tuple[NDArray[np.float32], ...]
    shared: Matrix


def orthonormal(rng: np.random.Generator, dimension: int, count: int) -> Matrix:
    return np.linalg.qr(rng.standard_normal((dimension, count)))[0]


def plant(
    num_tasks: int,
    shape: tuple[int, int] = (60, 40),
    *,
    shared: int = 3,
    own: int = 4,
    noise: float = 0.0,
    seed: int = 0,
) -> Planted:
    """Plant ``shared`` directions in ``num_tasks`` matrices; noise is relative to the norm of what was planted."""
    rng = np.random.default_rng(seed)
    common = orthonormal(rng, shape[0], shared)
    matrices = []
    for _ in range(num_tasks):
        columns = np.concatenate([common, orthonormal(rng, shape[0], own)], axis=1)
        signal = columns @ (rng.uniform(1, 2, (shared + own, 1)) * orthonormal(rng, shape[1], shared + own).T)
        rough = rng.standard_normal(shape)
        rough *= noise * np.linalg.norm(signal) / np.linalg.norm(rough)
        matrices.append((signal + rough).astype(np.float32))
    return Planted(tuple(matrices), common)


def distance(left: Matrix, right: Matrix) -> float:
    """The sine of the largest angle between two subspaces of equal dimension; 1 for different dimensions."""
    if left.shape != right.shape:
        return 1.0
    cosines = np.linalg.svd(left.T @ right, compute_uv=False)
    return float(np.sqrt(max(0.0, 1 - cosines.min() ** 2)))
