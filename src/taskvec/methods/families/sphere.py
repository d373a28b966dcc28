"""Geometry on a sphere, in coefficients: points are rows of numbers c that stand for Σ cₜvₜ, products come from G."""

from __future__ import annotations

import numpy as np

from taskvec.methods.part import Doubles


def norms_of(gram: Doubles) -> Doubles:
    """Return ‖vₜ‖, ``(T,)``."""
    norms: Doubles = np.sqrt(np.maximum(np.diag(gram), 0.0))
    return norms


def length(coefficients: Doubles, gram: Doubles) -> float:
    """Return ‖Σ cₜvₜ‖."""
    square = float(coefficients @ gram @ coefficients)
    return float(np.sqrt(max(square, 0.0)))


def between(fraction: float, cosine: float, *, is_straight: bool) -> Doubles:
    """Return the coefficients of the point at a fraction of the arc between two, or of the line where there is no arc.

    Args:
        fraction: t; 0 is the first.
        cosine: Of the angle between them.
        is_straight: Whether to take the line.

    Returns:
        sin((1 − t)θ) / sin θ and sin(tθ) / sin θ.
    """
    if is_straight:
        return np.array([1 - fraction, fraction])
    angle = np.arccos(cosine)
    coefficients: Doubles = np.sin(np.array([1 - fraction, fraction]) * angle) / np.sin(angle)
    return coefficients
