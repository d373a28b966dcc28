"""Signs elected and what agrees averaged: the second half of TIES (arXiv 2306.01708), shared by all that do so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from taskvec.methods.part import Array, Doubles, Stored
from taskvec.numerics.consensus import elect, elect_above

Numbers = Sequence[float] | Doubles

_NOTHING = 1e-8  # weights that add up to less are not divided by; mergekit's number


class Consensus(Protocol):
    """From sparse or whole rows and weights to one row: :func:`agreeing` or :func:`weighted_sum`."""

    def __call__(self, rows: Array, weights: Numbers, *, normalize: bool) -> Doubles:
        """Return ``(n,)``."""
        ...


def agreeing(rows: Array, weights: Numbers, *, normalize: bool) -> Doubles:
    """Return Σ wₜτₜ over the tasks whose wₜτₜ has the elected sign; divided by Σ wₜ of these for the disjoint mean.

    The elected sign of an element is that of Σ wₜτₜ, + where it is zero. A weight that all tasks share is left out of
    the election: bfloat16 changes often cancel exactly, and 0.3a + 0.3b + 0.3c need not where a + b + c does.

    Args:
        rows: ``(T, n)``, trimmed or not.
        weights: The T weights.
        normalize: Whether to divide.

    Returns:
        ``(n,)``.
    """
    out = np.empty(rows.shape[1], rows.dtype)
    own, common = _apart(weights)
    elect(rows, own.astype(rows.dtype), normalize, out)
    return _with_common(out, common, normalize=normalize)


def agreeing_above(stored: Stored, thresholds: Array, weights: Numbers, out: Array, *, normalize: bool) -> bool:
    """Write :func:`agreeing` of the elements above a cut by magnitude to an array, in one kernel.

    Args:
        stored: Elements of a tensor as they are stored; carried is how many equal to the thresholds are still above.
        thresholds: The least magnitudes above it, ``(T,)``.
        weights: The T weights.
        out: Float32 ``(n,)``.
        normalize: Whether to divide.

    Returns:
        Whether all numbers are finite.
    """
    own, common = _apart(weights)
    least = thresholds.astype(np.float32)
    shares = own.astype(np.float32)
    is_finite: bool = elect_above(stored.rows, stored.mixing, least, stored.carried, shares, normalize, out)
    _with_common(out, common, normalize=normalize)
    return is_finite


def _apart(weights: Numbers) -> tuple[Doubles, float]:
    """Return weights without what all of them share, and that."""
    given = np.asarray(weights, np.float64)
    size = abs(float(given[0]))
    common = size if size > 0 and np.all(given == given[0]) else 1.0
    return given / common, common


def _with_common(merged: Array, common: float, *, normalize: bool) -> Array:
    """Return what was merged without a weight that all share with it; a mean is the same."""
    if not normalize:
        merged *= merged.dtype.type(common)
    return merged


def weighted_sum(rows: Array, weights: Numbers, *, normalize: bool) -> Doubles:
    """Return Σ wₜτₜ in float64, in the order of tasks; divided by Σ wₜ if asked.

    Args:
        rows: ``(T, n)``.
        weights: The T weights.
        normalize: Whether to divide.

    Returns:
        ``(n,)``.
    """
    total = np.zeros(rows.shape[1])
    for row, weight in zip(rows, shares(weights, normalize=normalize), strict=True):
        total += weight * row
    return total


def shares(weights: Numbers, *, normalize: bool) -> Doubles:
    """Return weights, divided by their sum if asked and the sum is not nothing.

    Args:
        weights: The T weights.
        normalize: Whether to divide.

    Returns:
        ``(T,)``.
    """
    given = np.asarray(weights, np.float64)
    total = float(given.sum())
    return given / total if normalize and abs(total) >= _NOTHING else given
