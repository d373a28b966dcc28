"""TIES merging (arXiv 2306.01708): trim, elect sign, disjoint mean.

For each task and each tensor of n elements the k = round(density · n) of largest magnitude are kept, among equal ones
those of lower index. The elected sign of an entry is that of the sum of the kept values, + where they add up to zero.
The merge is the mean of the kept values with the elected sign, 0 where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taskvec.methods.families.electing import agreeing, agreeing_above
from taskvec.methods.families.sparse import SparseOptions, sparse_rule
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import normalize_flag
from taskvec.methods.part import Array, Doubles, Part, Stored
from taskvec.methods.rule import Fused
from taskvec.methods.statistic import Cut, Cuts
from taskvec.parameter import flag, number, word

Found = tuple[Cut, Doubles | None]
"""The cut by magnitude; and, where what is kept is rescaled, Σ|τ| before and after."""


@dataclass(frozen=True)
class TiesOptions(SparseOptions):
    """Options of ``ties``."""

    density: tuple[float, ...] = number(
        0.2, "the fraction that is kept, the largest magnitudes", per_vector=True, above=0, most=1, mergekit=1.0
    )
    rescale: bool = flag(False, "rescale what is kept to the Σ|τ| of the tensor")
    normalize: bool = normalize_flag(True)
    trim: str = word("tensor", "trim each tensor, or the model as one vector", choices=("tensor", "model"))


def _kept(count: int, options: TiesOptions, found: tuple[()]) -> Array:  # noqa: ARG001
    return np.array([[_num_kept(count, density, floor=options.is_mergekit) for density in options.density]])


def _num_kept(num_params: int, density: float, *, floor: bool) -> int:
    """Return k: halves to even, or down as mergekit rounds; at least 1 of a tensor that has elements."""
    wanted = int(density * num_params) if floor else round(density * num_params)
    return max(wanted, 1) if num_params else 0


def _trimmed(part: Part[Found], options: TiesOptions) -> Array:  # noqa: ARG001
    return part.found[0].keep_above(0, part.rows, part.first)


def _equal_ones(found: tuple[Any, ...], first: int) -> Array:
    left: Array = found[0].ties.left(0, first)  # which a streamed pass knows
    return left


def _trimmed_and_elected(stored: Stored[Found], options: TiesOptions, out: Array) -> bool:
    return agreeing_above(stored, stored.found[0].thresholds[0], options.weight, out, normalize=options.normalize)


ties = Method(
    "ties",
    sparse_rule(
        _trimmed,
        agreeing,
        cuts=Cuts(_kept, scope=lambda options: options.trim),
        fused=Fused(_equal_ones, _trimmed_and_elected),
    ),
    TiesOptions,
    "trim, elect sign, disjoint mean",
    "τ̂ₜ = the k largest |τₜ|; γ = sgn Σ wₜτ̂ₜ; τ = λ Σ wₜτ̂ₜ / Σ wₜ over t with sgn(wₜτ̂ₜ) = γ",
    "arXiv 2306.01708",
    "Several fine-tunes that disagree about signs; the most used method beyond plain sums.",
    mergekit=Mergekit(
        "keeps ⌊density · n⌋, here round(density · n); of equal magnitudes those that its sort puts first, here "
        "those of lower index",
        ignored=("int8_mask",),
    ),
)
