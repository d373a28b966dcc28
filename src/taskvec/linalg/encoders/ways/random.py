"""Random directions as atoms, from a seed and never stored: a baseline of arXiv 2502.01015 (from its code).

The authors orthonormalise M random vectors in R^P. Coefficients fitted by least squares do not depend on that, so atoms
are left as they are made: standardised, independent, and the same on every machine. In high dimensions they explain
about M/P of the energy; they show what a basis is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Generated, MethodOptions
from taskvec.parameter import count

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class RandomOptions(MethodOptions):
    """Options of ``random``."""

    seed: int = count(0, "the key of the atoms", least=None)

    @property
    def draws(self) -> bool:
        """Whether something is drawn at random: all is."""
        return True


def _encode(gram: Matrix, num_atoms: int, options: RandomOptions) -> Generated:  # noqa: ARG001
    """Return M random atoms; the Gram matrix has no say in them.

    Args:
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: The seed.

    Returns:
        What generates them.
    """
    return Generated(num_atoms, options.seed)


random = BasisMethod(
    "random",
    _encode,
    RandomOptions,
    "random directions from a seed, never stored",
    "arXiv 2502.01015, a baseline",
    atoms="random directions from a seed, not stored",
    coefficients="least squares",
)
