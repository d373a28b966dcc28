"""The mean of every element over the tasks, without the largest and the smallest values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import number


@dataclass(frozen=True)
class TrimmedMeanOptions(Scaled):
    """Options of ``trimmed_mean``."""

    fraction: float = number(0.2, "the share of the T values that is left out at each end", least=0, below=0.5)


def _merge(part: Part, options: TrimmedMeanOptions) -> Doubles:
    cut = int(options.fraction * len(part.rows))
    kept = np.sort(part.rows.astype(np.float64), axis=0)[cut : len(part.rows) - cut]
    total = np.zeros(part.rows.shape[1])
    for row in kept:
        total += row
    return options.scaling * total / len(kept)


trimmed_mean = Method(
    "trimmed_mean",
    Formula(_merge),
    TrimmedMeanOptions,
    "the mean of every element without its extremes",
    "τᵢ = λ mean of τₜᵢ without the ⌊fraction · T⌋ largest and as many smallest",
    "arXiv 1803.01498",
    "Many task vectors, of which some may be broken; between the mean (0) and the median (just below 0.5).",
)
