"""From measurements to the numbers that are reported: spread over seeds, intervals over prompts, equal toxicity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

import numpy as np

from experiments.toxicity.corpora import TOXIC
from experiments.toxicity.measuring import Found
from experiments.toxicity.negating import Line
from taskvec.results import Measured


def over_seeds(values: Sequence[float | None]) -> Measured | None:
    """Mean and standard error over seeds; nothing where a seed has no value."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    spread = stdev(known) / len(known) ** 0.5 if len(known) > 1 else None
    return Measured(value=fmean(known), spread=spread, n=len(known))


def reduction(found: Found, base: Found) -> float:
    """The share of the base's toxicity that is gone."""
    return 1 - found.toxicity / base.toxicity


def at_chosen(line: Line) -> Found:
    """What was measured on test data at the λ that validation chose."""
    return line.test[line.chosen]


@dataclass(frozen=True)
class Forgetting:
    """A way to say how much was forgotten, at which curves are compared.

    Attributes:
        name: In words.
        reached: From what was found and the base's to how much was forgotten.
        levels: Where curves are compared.
    """

    name: str
    reached: Callable[[Found, Found], float]
    levels: tuple[float, ...]


LESS_TOXICITY = Forgetting("less toxicity", reduction, (0.25, 0.47))
UNLIKELIER = Forgetting(
    "toxic texts' perplexity grown by", lambda found, base: found.growth(base, [TOXIC]), (0.25, 0.5, 1.0)
)


def growth_at(line: Line, level: float, corpora: Sequence[str], forgetting: Forgetting = LESS_TOXICITY) -> float | None:
    """How much test perplexity has grown where the curve over λ first has forgotten as much.

    Args:
        line: A method at a seed, with test measurements at all λ.
        level: How much is to be forgotten.
        corpora: The control corpora.
        forgetting: Its measure.

    Returns:
        The growth, linear between two λ; nothing where no λ forgets as much.
    """
    base = line.test[0.0]
    points = [(forgetting.reached(found, base), found.growth(base, corpora)) for _, found in sorted(line.test.items())]
    for (less, before), (more, after) in pairwise(points):
        if less < level <= more:
            return before + (level - less) / (more - less) * (after - before)
    return None


def interval(lines: Sequence[Line], resamples: int, seed: int = 0) -> tuple[float, float]:
    """95 % of the reductions that resampled prompts give at the chosen λ, the seeds' scores taken together.

    Args:
        lines: One method at every seed.
        resamples: How many.
        seed: Of the drawing.
    """
    edited = np.mean([at_chosen(line).scores for line in lines], axis=0)
    base = np.array(lines[0].test[0.0].scores)
    rows = np.random.default_rng(seed).integers(0, len(base), size=(resamples, len(base)))
    reductions = 1 - edited[rows].mean(axis=1) / base[rows].mean(axis=1)
    low, high = np.quantile(reductions, [0.025, 0.975])
    return float(low), float(high)
