"""DELLA (arXiv 2406.11617), added up: drop by chance, large changes less often, and rescale; no sign is elected."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.della import DIFFERS, DellaOptions, della_rule
from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import normalize_flag


@dataclass(frozen=True)
class DellaLinearOptions(DellaOptions):
    """Options of ``della_linear``."""

    normalize: bool = normalize_flag(False)


della_linear = Method(
    "della_linear",
    della_rule("della_linear", weighted_sum),
    DellaLinearOptions,
    "drop small changes more often, rescale, add up",
    "τ̃ₜ as in della; τ = λ Σ wₜτ̃ₜ",
    "arXiv 2406.11617; the defaults are ours",
    "As dare_linear, with the large changes kept more often.",
    mergekit=Mergekit(DIFFERS, ignored=("int8_mask",)),
)
