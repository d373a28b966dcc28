"""Some of the task vectors as atoms: a baseline of arXiv 2502.01015 at random, by explained energy (ours) greedily.

The others are fitted to those that were chosen, by least squares. ``greedy`` takes the vector that explains most of
what is left of all: argmax_j Σ_t R[j, t]² / R[j, j], then removes its direction from the residual inner products R.
O(M T²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Encoding, MethodOptions
from taskvec.parameter import count, word

Matrix = NDArray[np.float64]

_VANISHED = 1e-12


@dataclass(frozen=True)
class SubsetOptions(MethodOptions):
    """Options of ``subset``."""

    choice: str = word(
        "greedy", "greedily by explained energy, or at random as in the paper", choices=("greedy", "random")
    )
    seed: int = count(0, "the key of the random choice")

    @property
    def draws(self) -> bool:
        """Whether something is drawn at random: the choice may be."""
        return self.choice == "random"


def _encode(gram: Matrix, num_atoms: int, options: SubsetOptions) -> Encoding:
    """Return M of the T task vectors as atoms.

    Args:
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: How.

    Returns:
        The encoding; its encoder holds one 1 a column.
    """
    if options.choice == "random":
        chosen = sorted(np.random.default_rng(options.seed).choice(len(gram), num_atoms, replace=False).tolist())
    else:
        chosen = sorted(_greedy(gram, num_atoms))
    return Encoding(np.eye(len(gram))[:, chosen])


def _greedy(gram: Matrix, num_atoms: int) -> list[int]:
    residual = gram.copy()
    squares = np.diag(gram)
    chosen: list[int] = []
    for _ in range(num_atoms):
        left = np.diag(residual)
        explained = np.divide(
            (residual**2).sum(axis=1), left, out=np.zeros_like(left), where=left > _VANISHED * squares
        )
        explained[chosen] = -1.0
        best = int(np.argmax(explained))
        chosen.append(best)
        if left[best] > _VANISHED * squares[best]:
            residual -= np.outer(residual[best], residual[best]) / residual[best, best]
    return chosen


subset = BasisMethod(
    "subset",
    _encode,
    SubsetOptions,
    "some of the task vectors, greedily or at random",
    "arXiv 2502.01015, a baseline",
    atoms="M of the task vectors, greedily by explained energy (ours) or at random",
    coefficients="least squares",
)
