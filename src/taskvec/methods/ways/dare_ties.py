"""DARE (arXiv 2311.03099) with the signs of TIES (arXiv 2306.01708): drop by chance, rescale, elect, average."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.dare import DIFFERS, DareOptions, dare_rule
from taskvec.methods.families.electing import agreeing
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import normalize_flag


@dataclass(frozen=True)
class DareTiesOptions(DareOptions):
    """Options of ``dare_ties``."""

    normalize: bool = normalize_flag(True, mergekit=False)


dare_ties = Method(
    "dare_ties",
    dare_rule("dare_ties", agreeing),
    DareTiesOptions,
    "drop by chance, rescale, elect sign, disjoint mean",
    "τ̃ₜ as in dare_linear; γ = sgn Σ wₜτ̃ₜ; τ = λ Σ wₜτ̃ₜ / Σ wₜ over t with sgn(wₜτ̃ₜ) = γ",
    "arXiv 2311.03099",
    "As dare_linear, where signs also conflict.",
    mergekit=Mergekit(DIFFERS + "; adds what agrees (normalize: false), here it is averaged", ignored=("int8_mask",)),
)
