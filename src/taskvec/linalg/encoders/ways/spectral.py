"""The uncentred singular value decomposition of V by its Gram matrix: the least error that M atoms can have.

Ours, beside arXiv 2502.01015. With eigenvectors u_m of G, the atoms V u_m span the best M-dimensional space (Eckart
and Young), at error² = Σ_{i>M} λᵢ(G). If u₁ is positive, b_m = u_m + c_m u₁ with the smallest c_m that makes it
non-negative, scaled to sum 1, spans the same space: a convex encoder, as the paper trains one, at the optimal error.
Where some entry of u₁ is almost zero these atoms are nearly parallel, and rounding them would cost more than convexity
is worth: then, and where u₁ has two signs, atoms are the eigenvectors' own, scaled to absolute sum 1. Deterministic;
O(T³).
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

MAX_NOISE_GAIN = 100.0
"""Convex atoms are given up where they amplify rounding noise more than this (squared): ten times, 1 % in bfloat16."""


@dataclass(frozen=True)
class SpectralOptions(MethodOptions):
    """Options of ``spectral``."""

    convex: bool = flag(True, "prefer convex combinations of task vectors, where G allows it at no cost")


def _encode(gram: Matrix, num_atoms: int, options: SpectralOptions) -> Encoding:
    """Return B whose atoms VB span the best M-dimensional space; the decoder is left to least squares.

    Args:
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: How.

    Returns:
        The encoding.
    """
    spectrum = Spectrum.of(gram)
    if options.convex:
        encoder, is_convex = spectrum.encoder(num_atoms)
        encoding = Encoding(encoder)
        if is_convex and encoding.noise_gain(gram) <= MAX_NOISE_GAIN:
            return encoding
    columns = spectrum.vectors[:, :num_atoms]
    return Encoding(columns / np.abs(columns).sum(axis=0))


spectral = BasisMethod(
    "spectral",
    _encode,
    SpectralOptions,
    "eigenvectors of the Gram matrix: the least error",
    "ours",
    atoms="span of the M leading eigenvectors of G; convex combinations of task vectors where G allows it",
    coefficients="least squares",
)
