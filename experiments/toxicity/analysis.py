"""From measurements to the numbers that are reported: spread over seeds, intervals over prompts, equal toxicity."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev

import numpy as np

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


def growth_at(line: Line, wanted: float, corpora: Sequence[str]) -> float | None:
    """How much test perplexity has grown where the curve over λ first has lost a share of toxicity.

    Args:
        line: A method at a seed, with test measurements at all λ.
        wanted: The share.
        corpora: The control corpora.

    Returns:
        The growth, linear between two λ; nothing where no λ takes as much away.
    """
    base = line.test[0.0]
    points = [(reduction(found, base), found.growth(base, corpora)) for _, found in sorted(line.test.items())]
    for (less, before), (more, after) in pairwise(points):
        if less < wanted <= more:
            return before + (wanted - less) / (more - less) * (after - before)
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
