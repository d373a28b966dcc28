"""Principal components of the centred task vectors, with their mean: a baseline of arXiv 2502.01015 (from its code).

With μ the mean and V − μ1ᵀ = U diag(s) Vh, atoms are U_m s_m and τ̂_t = μ + Σ_m Vh[m, t] U_m s_m. The mean is one
more stored vector, so M components take the bytes of M + 1 atoms. All of it comes from JGJ with J = I − 11ᵀ/T; the
authors form the P × T matrix in memory. Their addition leaves the mean out: what it adds is nearly orthogonal to the
true sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Encoding, MethodOptions
from taskvec.linalg.spectrum import Spectrum
from taskvec.parameter import flag

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class PcaOptions(MethodOptions):
    """Options of ``pca``."""

    refit: bool = flag(False, "fit coefficients by least squares to the rounded atoms and mean, not the published ones")


def _encode(gram: Matrix, num_atoms: int, options: PcaOptions) -> Encoding:
    """Return M principal components and the mean.

    Args:
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: How.

    Returns:
        The encoding, with K = M + 1.
    """
    num_tasks = len(gram)
    centering = np.eye(num_tasks) - 1.0 / num_tasks
    components = Spectrum.of(centering @ gram @ centering).vectors[:, :num_atoms]
    mean = np.full((num_tasks, 1), 1.0 / num_tasks)
    decoder = np.vstack([components.T, np.ones(num_tasks)])
    return Encoding(
        np.hstack([centering @ components, mean]), decoder=None if options.refit else decoder, has_mean=True
    )


pca = BasisMethod(
    "pca",
    _encode,
    PcaOptions,
    "centred principal components and the mean",
    "arXiv 2502.01015, a baseline",
    atoms="M principal components of the centred vectors, and their mean",
    coefficients="components; least squares with `refit=true` (ours)",
    extra_atoms=1,
)
