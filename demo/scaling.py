"""Choose λ by its score on validation pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from taskvec.evaluation import Grid

GRID = Grid(low=1 / 9, high=9 / 16, num_points=5, most_points=11)
"""0.111 … 0.562, neighbours a factor of 1.5 apart, and further while the best lies at an end."""


@dataclass(frozen=True)
class Search:
    """The chosen λ, and the mean validation accuracy of every candidate."""

    scaling: float
    curve: dict[str, float]


def choose(score: Callable[[float], float]) -> Search:
    """The λ with the best score, the smallest of equals; every λ has three digits, so that an expression says it."""
    found = GRID(lambda scaling: score(rounded(scaling)))
    curve = {f"{rounded(scaling):g}": value for scaling, value in found.tried}
    return Search(rounded(found.scaling), curve)


def rounded(scaling: float) -> float:
    """λ to three digits."""
    return float(f"{scaling:.3g}")
