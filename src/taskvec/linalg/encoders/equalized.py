"""Atoms that are fair to small task vectors: encode vectors of norm 1, recover vectors of their own norms.

With D = diag(G), G' = D^{-1/2} G D^{-1/2} is the Gram matrix of the normalised vectors. An encoder B' of these is
B = D^{-1/2} B' of the vectors as they are, and a decoder W' becomes W' D^{1/2}. The error that is made small is the
mean of the squared relative errors of the tasks, so that no task owns an atom by its size alone (ours).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.encoders.basis_method import BasisMethod
from taskvec.linalg.encoders.encoding import Encoding, Generated, MethodOptions

Matrix = NDArray[np.float64]


def equalized_gram(gram: Matrix, norms: Matrix) -> Matrix:
    """Return G' = D^{-1/2} G D^{-1/2}, cosines; zero beside a zero vector.

    Args:
        gram: G, ``(T, T)``, of all tensors or of some.
        norms: ‖τ_t‖ over all tensors, ``(T,)``: the square roots of D.

    Returns:
        G', ``(T, T)``.
    """
    scale = _inverse(norms)
    product: Matrix = scale[:, None] * gram * scale
    return product


def encode_equalized(
    method: BasisMethod, gram: Matrix, num_atoms: int, options: MethodOptions, norms: Matrix
) -> Encoding | Generated:
    """Run a method on the normalised vectors and express its answer in the vectors as they are.

    Args:
        method: The method.
        gram: G, ``(T, T)``.
        num_atoms: M.
        options: The method's options.
        norms: ‖τ_t‖ over all tensors, ``(T,)``.

    Returns:
        The encoding; columns that can be are scaled to absolute sum 1.
    """
    found = method.encode(equalized_gram(gram, norms), num_atoms, options)
    if isinstance(found, Generated):
        return found
    encoder = _inverse(norms)[:, None] * found.encoder
    sums = np.abs(encoder).sum(axis=0)
    sums[sums == 0] = 1.0
    decoder = None
    if found.decoder is not None:
        decoder = sums[:, None] * found.decoder * norms
    return Encoding(encoder / sums, decoder, found.has_mean)


def norms_of(gram: Matrix) -> Matrix:
    """Return ‖τ_t‖ from G, ``(T,)``."""
    return np.sqrt(np.maximum(np.diag(gram), 0.0))


def _inverse(norms: Matrix) -> Matrix:
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
