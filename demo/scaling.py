"""Choose λ by its score on validation pictures."""

from collections.abc import Callable
from dataclasses import dataclass

RATIO = 1.5  # of neighbours
STEPS = range(-2, 3)  # 0.111 … 0.562, and further while the best lies at an edge
WIDEST = 6  # steps either way


@dataclass(frozen=True)
class Search:
    """The chosen λ, and the mean validation accuracy of every candidate."""

    scaling: float
    curve: dict[str, float]


def choose(score: Callable[[float], float]) -> Search:
    """The λ with the best score on a geometric grid around 1/4 that grows while its best is its edge."""
    scores = {step: score(candidate(step)) for step in STEPS}
    while (outer := _beyond(scores)) is not None:
        scores[outer] = score(candidate(outer))
    curve = {f"{candidate(step):g}": scores[step] for step in sorted(scores)}
    return Search(candidate(_best(scores)), curve)


def candidate(step: int) -> float:
    """The λ that lies `step` steps from 1/4, to three digits, so that an expression can say it exactly."""
    return float(f"{RATIO**step / 4:.3g}")


def _best(scores: dict[int, float]) -> int:
    return min(scores, key=lambda step: (-scores[step], step))  # the smaller λ on a tie


def _beyond(scores: dict[int, float]) -> int | None:
    best = _best(scores)
    outer = {min(scores): best - 1, max(scores): best + 1}.get(best)
    return outer if outer is not None and abs(outer) <= WIDEST else None
