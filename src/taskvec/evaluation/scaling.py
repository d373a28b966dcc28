"""Choosing λ in memory by validation: the searches are the library's own, the model is edited in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskvec.evaluation.tasks import Validation
from taskvec.linalg.search import ScalingChoice, Score, golden_section, grid_search

if TYPE_CHECKING:
    from torch.nn import Module

Shifted = Callable[[float], "Module"]
"""From λ to the model at λ, such as ``lambda x: model.with_coefficients({"sum": x})``."""


@dataclass(frozen=True)
class Grid:
    """A geometric grid that goes on past an end while the best lies there.

    Attributes:
        low: The least λ at first.
        high: The largest.
        num_points: How many at first.
        most_points: How many at most.
        tolerance: How much worse than the best the largest λ may be while larger ones are tried: the noise of a score.
    """

    low: float = 0.02
    high: float = 1.0
    num_points: int = 9
    most_points: int = 25
    tolerance: float = 0.0

    def __call__(self, score: Score) -> ScalingChoice:
        """Search."""
        return grid_search(
            score,
            low=self.low,
            high=self.high,
            num_points=self.num_points,
            most_points=self.most_points,
            tolerance=self.tolerance,
        )


@dataclass(frozen=True)
class Golden:
    """Golden section, for a score with one peak and for coefficients of either sign.

    Attributes:
        low: One end.
        high: The other.
        tolerance: Stop when the interval is this part of the first.
    """

    low: float = 0.0
    high: float = 1.0
    tolerance: float = 0.02

    def __call__(self, score: Score) -> ScalingChoice:
        """Search."""
        return golden_section(score, low=self.low, high=self.high, tolerance=self.tolerance)


Search = Grid | Golden


def choose_scaling(validation: Validation, shifted: Shifted, search: Search = Grid()) -> ScalingChoice:
    """Choose λ by validation data alone.

    Args:
        validation: What counts.
        shifted: From λ to the model at λ.
        search: How to look.

    Returns:
        The best λ, its score, and everything that was tried.
    """
    return search(lambda scaling: validation.score(shifted(scaling)))
