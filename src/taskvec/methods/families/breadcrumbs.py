"""What Model Breadcrumbs (arXiv 2312.06795) keep: neither the largest nor the smallest changes of each tensor.

Of n elements the γ·n of largest magnitude are masked, and of the others all but density·n; among equal magnitudes lower
indices count as larger. n counts a tensor, as the paper speaks of layers and mergekit does; the authors' code
(rezazzr/breadcrumbs) masks within every row of the last dimension, rounds down, and has no defaults: these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.electing import Consensus
from taskvec.methods.families.sparse import SparseOptions, sparse_rule
from taskvec.methods.options import normalize_flag
from taskvec.methods.part import Array, Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.methods.statistic import Cut, Cuts, magnitudes
from taskvec.parameter import flag, number

DIFFERS = "rounds density · n and γ · n down; of equal magnitudes it keeps those that its sort puts first"
"""Where mergekit's definition is another."""


Found = tuple[Cut, Doubles | None]
"""Both cuts by magnitude; and, where what is kept is rescaled, Σ|τ| before and after."""


@dataclass(frozen=True)
class BreadcrumbsOptions(SparseOptions):
    """Options of both."""

    density: tuple[float, ...] = number(
        0.1, "the fraction that is kept", per_vector=True, above=0, most=1, mergekit=1.0
    )
    gamma: tuple[float, ...] = number(
        0.01, "γ, the fraction of largest magnitudes that is masked", per_vector=True, least=0, below=1
    )
    rescale: bool = flag(False, "rescale what is kept to the Σ|τ| of the tensor")
    normalize: bool = normalize_flag(False)


def breadcrumbs_rule(consensus: Consensus) -> Formula:
    """Make the rule that adds up what is kept, or elects its signs."""
    return sparse_rule(_between, consensus, cuts=Cuts(_kept, number=2))


def _kept(count: int, options: BreadcrumbsOptions, found: tuple[()]) -> Array:  # noqa: ARG001
    """Return how many are above the lower cut, and above the upper."""
    whole = int if options.is_mergekit else round
    kept = np.array([count if density >= 1 else whole(density * count) for density in options.density])
    outliers = np.minimum([whole(gamma * count) for gamma in options.gamma], count - kept)
    return np.stack([kept + outliers, outliers])


def _between(part: Part[Found], options: BreadcrumbsOptions) -> Array:
    cut, scores = part.found[0], magnitudes(part, options)
    is_kept = cut.above(0, scores, part.first) & ~cut.above(1, scores, part.first)
    between: Array = np.where(is_kept, part.rows, 0)
    return between
