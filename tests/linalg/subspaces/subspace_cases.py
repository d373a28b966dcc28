"""The table of ways to find what subspaces share: a new one is a row and an oracle, and every law runs on it.

An oracle makes of the dense projectors, d × d, the matrix whose eigenvectors are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from planted import Matrix

Oracle = Callable[[Sequence[Matrix]], Matrix]

ORACLES: dict[str, Oracle] = {}
"""Name → oracle."""


@dataclass(frozen=True)
class SubspaceCase:
    """A way to share.

    Attributes:
        name: Its name.
        threshold: That some directions of the noisy tasks pass and others do not.
        any_order: Whether the order of tasks does not matter.
    """

    name: str
    threshold: float
    any_order: bool = False


CASES = (
    SubspaceCase("mean", threshold=0.8, any_order=True),
    SubspaceCase("palindrome", threshold=0.5),
    SubspaceCase("chain", threshold=0.5),
)


def oracle(matrix: Oracle) -> Oracle:
    """Make a function the oracle of the way of its name."""
    ORACLES[matrix.__name__] = matrix
    return matrix


@oracle
def mean(projectors: Sequence[Matrix]) -> Matrix:
    return sum(projectors) / len(projectors)


@oracle
def chain(projectors: Sequence[Matrix]) -> Matrix:
    return np.linalg.multi_dot(projectors)


@oracle
def palindrome(projectors: Sequence[Matrix]) -> Matrix:
    product = np.linalg.multi_dot(projectors)
    return product @ product.T
