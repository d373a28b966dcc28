"""What a method returns: how atoms are made of task vectors, and how task vectors are recovered from atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.certificate import best_decoder, residual_gram
from taskvec.parameter import Options

Matrix = NDArray[np.float64]

_CONVEX_TOLERANCE = 1e-12


@dataclass(frozen=True)
class MethodOptions(Options):
    """The options of a method; each method has its own subclass."""

    @property
    def draws(self) -> bool:
        """Whether something is drawn at random, so that a seed matters."""
        return False


@dataclass(frozen=True, slots=True)
class Encoding:
    """K atoms S = VB for T task vectors, which are recovered as SW.

    Attributes:
        encoder: B, float64 ``(T, K)``: column k says what atom k is made of.
        decoder: W, float64 ``(K, T)``; None stands for the best one for the atoms as they will be written.
        has_mean: Whether the last atom is the mean of the task vectors, stored beside the M that were asked for.
    """

    encoder: Matrix
    decoder: Matrix | None = None
    has_mean: bool = False

    @property
    def num_stored(self) -> int:
        """K: atoms that are written, the mean included."""
        return int(self.encoder.shape[1])

    @property
    def is_convex(self) -> bool:
        """Whether every atom is a convex combination of task vectors."""
        sums = self.encoder.sum(axis=0)
        return bool((self.encoder >= 0).all() and np.allclose(sums, 1.0, rtol=0, atol=_CONVEX_TOLERANCE))

    def decoder_for(self, gram: Matrix) -> Matrix:
        """Return W, where it is left open the best one for the atoms before rounding.

        Args:
            gram: G, ``(T, T)``.

        Returns:
            W, ``(K, T)``.
        """
        if self.decoder is not None:
            return self.decoder
        cross = self.encoder.T @ gram
        return best_decoder(cross @ self.encoder, cross)

    def residual(self, gram: Matrix) -> Matrix:
        """Return R = (V̂ − V)ᵀ(V̂ − V) as it is before the atoms are rounded.

        Args:
            gram: G, ``(T, T)``.

        Returns:
            R, ``(T, T)``.
        """
        cross = self.encoder.T @ gram
        return residual_gram(gram, cross @ self.encoder, cross, self.decoder_for(gram))

    def noise_gain(self, gram: Matrix) -> float:
        """Return by how much decoding amplifies the rounding of atoms: Σ_k ‖W_k‖²‖s_k‖² / ‖V‖².

        Orthogonal atoms have at most 1; nearly parallel ones, which must be subtracted from each other, far more.

        Args:
            gram: G, ``(T, T)``.

        Returns:
            The ratio of noise in V̂, relative to V, to noise in the atoms, relative to the atoms (both squared).
        """
        squares = np.einsum("tk,tu,uk->k", self.encoder, gram, self.encoder)
        total = float(np.trace(gram))
        weights = (self.decoder_for(gram) ** 2).sum(axis=1)
        return float(weights @ np.maximum(squares, 0.0)) / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Generated:
    """K atoms that are made from a seed whenever they are read, and never stored.

    Attributes:
        num_stored: K.
        seed: The key.
    """

    num_stored: int
    seed: int
