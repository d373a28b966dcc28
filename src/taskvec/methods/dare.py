"""DARE (arXiv 2311.03099): drop most of each task vector by chance, and rescale the rest so that its mean stays.

With m ~ Bernoulli(p): τ̃ = m ⊙ τ / p. ``dare_linear`` adds the τ̃ₜ up; ``dare_ties`` elects signs and averages what
agrees. mergekit rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor instead of 1/p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.dropping import dropped
from taskvec.methods.electing import agreeing, weighted_sum
from taskvec.methods.method import Formula, Method
from taskvec.methods.options import Seeded, normalize_flag
from taskvec.methods.parameter import flag, number
from taskvec.methods.part import Array, Part
from taskvec.methods.sparse import SparseOptions, sparse_rule


@dataclass(frozen=True)
class DareOptions(SparseOptions, Seeded):
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


def _rule(method: str, *, elects: bool) -> Formula:
    def mask(part: Part, options: DareOptions) -> Array:
        return dropped(part, method, options.seed, options.density)

    def rescaled(part: Part, options: DareOptions) -> Array:
        return np.asarray(mask(part, options) / np.array(options.density)[:, None])

    return sparse_rule(mask, agreeing if elects else weighted_sum, exact=rescaled)


_MERGEKIT = (
    "rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor, here by 1/p exactly; draws its masks from torch's global generator, "
    "so that they depend on what was drawn before"
)

dare_linear = Method(
    "dare_linear",
    _rule("dare_linear", elects=False),
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
    _rule("dare_ties", elects=True),
    DareTiesOptions,
    "drop by chance, rescale, elect sign, disjoint mean",
    "τ̃ₜ as in dare_linear; γ = sgn Σ wₜτ̃ₜ; τ = λ Σ wₜτ̃ₜ / Σ wₜ over t with sgn(wₜτ̃ₜ) = γ",
    "arXiv 2311.03099",
    "As dare_linear, where signs also conflict.",
    mergekit=_MERGEKIT + "; adds what agrees (normalize: false), here it is averaged",
    ignored=("int8_mask",),
)
