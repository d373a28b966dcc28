"""Choosing a scaling coefficient by what a user measures on validation data; test data have no place here.

The best λ of a merge is not known beforehand: where the shared part is counted once it was up to three times that of
plain task arithmetic. A grid is therefore geometric, and grows past an end as long as its best lies there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Score = Callable[[float], float]
"""From a coefficient to a validation score; larger is better."""

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class ScalingChoice:
    """The best coefficient that was tried.

    Attributes:
        scaling: λ.
        score: Its validation score.
        tried: Every (λ, score), in order of λ.
    """

    scaling: float
    score: float
    tried: tuple[tuple[float, float], ...]


def grid_search(
    score: Score,
    *,
    low: float = 0.02,
    high: float = 1.0,
    num_points: int = 9,
    most_points: int = 25,
    tolerance: float = 0.0,
) -> ScalingChoice:
    """Try a geometric grid, and go on past an end while the best lies there.

    A score of few examples is noisy, and a merge may want a longer edit than the next dip lets see: with ``tolerance``
    larger coefficients are tried until one is worse than the best by more than that.

    Args:
        score: Measures a coefficient.
        low: The least coefficient of the first grid.
        high: The largest.
        num_points: Points of the first grid.
        most_points: Points in all, when the best stays at an end.
        tolerance: How much worse than the best the largest coefficient may be while larger ones are tried.

    Returns:
        The best; of equal scores, the smaller coefficient.
    """
    step = (high / low) ** (1 / (num_points - 1))
    tried = {low * step**n: score(low * step**n) for n in range(num_points)}
    while len(tried) < most_points:
        beyond = _beyond(tried, step, tolerance)
        if beyond is None:
            break
        tried[beyond] = score(beyond)
    return _choice(tried)


def _beyond(tried: dict[float, float], step: float, tolerance: float) -> float | None:
    """Return the next coefficient past the end at which the best lies, better than its neighbour; None elsewhere.

    Where the largest is within the tolerance of the best, it is past that end.
    """
    inner = sorted(tried)
    best = _best(tried)
    if best == inner[0] and tried[best] > tried[inner[1]]:
        return best / step
    largest = inner[-1]
    if best == largest and tried[best] > tried[inner[-2]]:
        return best * step
    return largest * step if tolerance > 0 and tried[largest] >= tried[best] - tolerance else None


def golden_section(score: Score, *, low: float, high: float, tolerance: float = 0.01) -> ScalingChoice:
    """Narrow an interval around the best coefficient of a score with one peak.

    Args:
        score: Measures a coefficient; μ may be negative.
        low: One end.
        high: The other.
        tolerance: Stop when the interval is this part of the first.

    Returns:
        The best.
    """
    first, tried = high - low, {}
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    tried[left], tried[right] = score(left), score(right)
    while high - low > tolerance * first:
        if tried[left] >= tried[right]:
            high, right = right, left
            left = high - _GOLDEN * (high - low)
            tried[left] = score(left)
        else:
            low, left = left, right
            right = low + _GOLDEN * (high - low)
            tried[right] = score(right)
    return _choice(tried)


def _best(tried: dict[float, float]) -> float:
    return max(sorted(tried), key=lambda scaling: tried[scaling])


def _choice(tried: dict[float, float]) -> ScalingChoice:
    best = _best(tried)
    return ScalingChoice(best, tried[best], tuple(sorted(tried.items())))
