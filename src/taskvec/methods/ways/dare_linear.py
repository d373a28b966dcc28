"""DARE (arXiv 2311.03099), added up: drop most of each task vector by chance, and rescale the rest to keep its mean."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.dare import DIFFERS, DareOptions, dare_rule
from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import normalize_flag


@dataclass(frozen=True)
class DareLinearOptions(DareOptions):
    """Options of ``dare_linear``."""

    normalize: bool = normalize_flag(False)


dare_linear = Method(
    "dare_linear",
    dare_rule("dare_linear", weighted_sum),
    DareLinearOptions,
    "drop by chance, rescale, add up",
    "m ~ Bernoulli(p); τ̃ₜ = mₜ ⊙ τₜ / p; τ = λ Σ wₜτ̃ₜ",
    "arXiv 2311.03099",
    "Many fine-tunes with small changes, so that they get out of each other's way; p of .1 and less works for those.",
    mergekit=Mergekit(DIFFERS, ignored=("int8_mask",)),
)
