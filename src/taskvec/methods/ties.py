"""TIES merging (arXiv 2306.01708): trim, elect sign, disjoint mean.

For each task and each tensor of n elements the k = round(density · n) of largest magnitude are kept, among equal ones
those of lower index. The elected sign of an entry is that of the sum of the kept values, + where they add up to zero.
The merge is the mean of the kept values with the elected sign, 0 where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taskvec.methods.electing import agreeing
from taskvec.methods.method import Formula, Method, Needs
from taskvec.methods.options import Weighted, normalize_flag
from taskvec.methods.parameter import number, word
from taskvec.methods.part import Array, Part
from taskvec.methods.statistic import Cuts
from taskvec.methods.trimming import num_kept


@dataclass(frozen=True)
class TiesOptions(Weighted):
    """Options of ``ties``.

    Attributes:
        density: The fraction kept of each vector.
        normalize: Whether what agrees is averaged or added.
        trim: What is trimmed as one vector.
    """

    density: tuple[float, ...] = number(
        0.2, "the fraction that is kept, the largest magnitudes", per_vector=True, above=0, most=1, mergekit=1.0
    )
    normalize: bool = normalize_flag(True)
    trim: str = word("tensor", "trim each tensor, or the model as one vector", choices=("tensor", "model"))


def _kept(count: int, options: TiesOptions, found: tuple[Any, ...]) -> Array:  # noqa: ARG001
    return np.array([num_kept(count, density, floor=options.is_mergekit) for density in options.density])


def _merge(part: Part, options: TiesOptions) -> Array:
    trimmed = part.found[0].keep_above(0, part.rows, part.first)
    merged = agreeing(trimmed, options.weight, normalize=options.normalize)
    merged *= options.scaling
    return merged


ties = Method(
    "ties",
    Formula(_merge, statistics=(Cuts(_kept, scope=lambda options: options.trim),)),
    TiesOptions,
    "trim, elect sign, disjoint mean",
    "τ̂ₜ = the k largest |τₜ|; γ = sgn Σ wₜτ̂ₜ; τ = λ Σ wₜτ̂ₜ / Σ wₜ over t with sgn(wₜτ̂ₜ) = γ",
    "arXiv 2306.01708",
    "Several fine-tunes that disagree about signs; the most used method beyond plain sums.",
    needs=Needs.TENSOR,
    mergekit="keeps ⌊density · n⌋, here round(density · n); of equal magnitudes those that its sort puts first, here "
    "those of lower index",
    ignored=("int8_mask", "rescale"),
)
