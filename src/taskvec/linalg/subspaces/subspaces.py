"""The shared subspace of k subspaces of R^d, three ways; each works in the ranks of the subspaces, not in d.

``mean`` (ours, the default): eigenvectors of P̄ = (1/k) Σ UᵢUᵢᵀ. Does not depend on the order of tasks.
``chain`` (the paper's): eigenvectors of C = P₁P₂…P_k. C is not symmetric: its eigenvectors are not orthogonal, complex
for k > 2, and change with the order of tasks. Real and imaginary parts are orthonormalised, so that what they span can
be projected on. Its eigenvalues are products of k − 1 squared cosines and fall as k grows.
``palindrome``: eigenvectors of CCᵀ, which is symmetric, with the squares of C's singular values; depends on which task
comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.edge import above, mean_edge, meet_by_necessity, product_edge

Matrix = NDArray[np.float64]

_DEPENDENT = 1e-8  # relative size below which a singular value of a set of directions counts as zero


@dataclass(frozen=True)
class Directions:
    """Orthonormal directions whose eigenvalues are above a threshold.

    Attributes:
        vectors: ``(d, q)``.
        largest: The largest eigenvalue of all, above the threshold or not.
    """

    vectors: Matrix
    largest: float

    @property
    def count(self) -> int:
        """Their number, q."""
        return int(self.vectors.shape[1])


Finder = Callable[[Sequence[Matrix], float], Directions]


def mean_directions(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return the eigenvectors of the mean projector (1/k) Σ UᵢUᵢᵀ with eigenvalues above a threshold.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``.
        threshold: τ′.

    Returns:
        The directions. Cost: R²d for R = Σ r_i, from the smaller of the stack's two Gram matrices.
    """
    stack = np.concatenate(bases, axis=1) / np.sqrt(len(bases))
    is_tall = stack.shape[1] <= stack.shape[0]
    values, vectors = _decreasing(stack.T @ stack if is_tall else stack @ stack.T)
    kept = values > threshold
    chosen = vectors[:, kept]
    lifted = (stack @ chosen) / np.sqrt(values[kept]) if is_tall else chosen
    return Directions(_signed(lifted), _first(values))


def palindrome_directions(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return the eigenvectors of P₁P₂…P_k…P₂P₁ with eigenvalues above a threshold.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``, in order.
        threshold: On squared cosines.

    Returns:
        The directions, within the first subspace.
    """
    steps = reduce(np.matmul, [left.T @ right for left, right in pairwise(bases)])
    values, vectors = _decreasing(steps @ steps.T)
    kept = values > threshold
    return Directions(_signed(bases[0] @ vectors[:, kept]), _first(values))


def chain_directions(bases: Sequence[Matrix], threshold: float) -> Directions:
    """Return an orthonormal basis of what the eigenvectors of P₁P₂…P_k above a threshold span.

    Args:
        bases: The k orthonormal bases, ``(d, r_i)``, in order.
        threshold: τ, on the real parts of eigenvalues.

    Returns:
        The directions, within the first subspace.
    """
    cycle = [*bases, bases[0]]
    steps = reduce(np.matmul, [left.T @ right for left, right in pairwise(cycle)])
    values, vectors = np.linalg.eig(steps)
    order = np.argsort(-values.real, kind="stable")
    kept = order[values.real[order] > threshold]
    span = np.concatenate([vectors[:, kept].real, vectors[:, kept].imag], axis=1)
    left, sizes, _ = np.linalg.svd(bases[0] @ span, full_matrices=False)
    independent = left[:, sizes > _DEPENDENT * sizes.max(initial=0.0)]
    return Directions(_signed(independent), _first(values.real[order]))


@dataclass(frozen=True, slots=True)
class SubspaceMethod:
    """A way to find what subspaces share.

    Attributes:
        find: From bases and threshold to directions.
        edge: The largest eigenvalue by chance, from density and number of tasks.
    """

    find: Finder
    edge: Callable[[float, int], float]


METHODS: Mapping[str, SubspaceMethod] = {
    "mean": SubspaceMethod(mean_directions, mean_edge),
    "palindrome": SubspaceMethod(palindrome_directions, product_edge),
    "chain": SubspaceMethod(chain_directions, product_edge),
}
"""How the command line and documents call them."""


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
        subspace: A name in ``METHODS``.
        threshold: The least eigenvalue; None for just above what chance gives (see ``edge``).
    """

    subspace: str = "mean"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.subspace not in METHODS:
            raise DecompositionError(f"unknown subspace {self.subspace!r}: use one of {', '.join(METHODS)}")
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
        if self.subspace == "mean" and self.threshold is not None and self.threshold <= 1 / num_tasks:
            raise DecompositionError(
                f"a threshold of {self.threshold:g} is out of range: on the mean of {num_tasks} tasks every direction "
                f"of any single one has {1 / num_tasks:.3g}: use edge, or more than that"
            )

    def share(self, bases: Sequence[Matrix], dimension: int) -> Shared:
        """Find what k subspaces share.

        Args:
            bases: Their orthonormal bases, ``(d, r_i)``; a subspace may be empty.
            dimension: The dimension of the space that they could fill: d, or less where some was taken out.

        Returns:
            The shared subspace; empty is a valid answer, and the only one where subspaces meet by necessity.
        """
        method = METHODS[self.subspace]
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


def _decreasing(symmetric: Matrix) -> tuple[Matrix, Matrix]:
    values, vectors = np.linalg.eigh(symmetric)
    return values[::-1], vectors[:, ::-1]


def _first(values: Matrix) -> float:
    return float(values[0]) if len(values) else 0.0


def _signed(vectors: Matrix) -> Matrix:
    """Return the directions with the largest entry of each positive."""
    if not vectors.size:
        return vectors
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * np.where(largest < 0, -1.0, 1.0)
