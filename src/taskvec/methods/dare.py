"""DARE (arXiv 2311.03099): drop most of each task vector by chance, and rescale the rest so that its mean stays.

With m ~ Bernoulli(p): τ̃ = m ⊙ τ / p. ``dare_linear`` adds the τ̃ₜ up; ``dare_ties`` elects signs and averages what
agrees, as the paper does after TIES' trimming. mergekit rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor instead of 1/p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.dropping import dropped, l1_ratios, l1_sums
from taskvec.methods.electing import Consensus, agreeing, weighted_sum
from taskvec.methods.method import Formula, Method
from taskvec.methods.options import Seeded, Weighted, normalize_flag
from taskvec.methods.parameter import flag, number
from taskvec.methods.part import Array, Doubles, Part
from taskvec.methods.statistic import Sums


@dataclass(frozen=True)
class DareOptions(Weighted, Seeded):
    """Options of ``dare_linear``.

    Attributes:
        density: p, the chance that an element is kept.
        rescale: Whether what is kept is multiplied by 1/p.
        normalize: Whether the sum is divided by the weights.
    """

    density: tuple[float, ...] = number(
        0.1, "p, the chance of an element to be kept", per_vector=True, above=0, most=1, mergekit=1.0
    )
    rescale: bool = flag(True, "multiply what is kept by 1/p")
    normalize: bool = normalize_flag(False)


@dataclass(frozen=True)
class DareTiesOptions(DareOptions):
    """Options of ``dare_ties``.

    Attributes:
        normalize: Whether what agrees is averaged or added.
    """

    normalize: bool = normalize_flag(True, mergekit=False)


def _uses_l1(options: DareOptions) -> bool:
    return options.is_mergekit and options.rescale


def _rule(method: str, consensus: Consensus) -> Formula:
    def masked(part: Part, options: DareOptions) -> Array:
        return dropped(part, method, options.seed, options.density)

    def terms(part: Part, options: DareOptions) -> Doubles:
        return l1_sums(part.rows, masked(part, options))

    def merge(part: Part, options: DareOptions) -> Doubles:
        rows = _rescaled(masked(part, options), part, options)
        return options.scaling * consensus(rows, options.weight, normalize=options.normalize)

    return Formula(merge, statistics=(Sums(terms, wanted=_uses_l1),))


def _rescaled(rows: Array, part: Part, options: DareOptions) -> Array:
    if not options.rescale:
        return rows
    factors = l1_ratios(part.found[0]) if _uses_l1(options) else 1 / np.array(options.density)
    rescaled: Array = rows * factors[:, None]
    return rescaled


_MERGEKIT = (
    "rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor, here by 1/p exactly; draws its masks from torch's global generator, "
    "so that they depend on what was drawn before"
)

dare_linear = Method(
    "dare_linear",
    _rule("dare_linear", weighted_sum),
    DareOptions,
    "drop by chance, rescale, add up",
    "m ~ Bernoulli(p); τ̃ₜ = mₜ ⊙ τₜ / p; τ = λ Σ wₜτ̃ₜ",
    "arXiv 2311.03099",
    "Many fine-tunes with small changes, so that they get out of each other's way; p of .1 and less works for those.",
    mergekit=_MERGEKIT,
    ignored=("int8_mask",),
)

dare_ties = Method(
    "dare_ties",
    _rule("dare_ties", agreeing),
    DareTiesOptions,
    "drop by chance, rescale, elect sign, disjoint mean",
    "τ̃ₜ as in dare_linear; γ = sgn Σ wₜτ̃ₜ; τ = λ Σ wₜτ̃ₜ / Σ wₜ over t with sgn(wₜτ̃ₜ) = γ",
    "arXiv 2311.03099",
    "As dare_linear, where signs also conflict.",
    mergekit=_MERGEKIT + "; adds what agrees (normalize: false), here it is averaged",
    ignored=("int8_mask",),
)
