"""DELLA (arXiv 2406.11617): drop by chance, large changes less often; rescale; elect sign; average."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.della import DIFFERS, DellaOptions, della_rule
from taskvec.methods.families.electing import agreeing
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import normalize_flag


@dataclass(frozen=True)
class DellaElectingOptions(DellaOptions):
    """Options of ``della``."""

    normalize: bool = normalize_flag(True)


della = Method(
    "della",
    della_rule("della", agreeing),
    DellaElectingOptions,
    "drop small changes more often, rescale, elect sign, average",
    "pₜᵢ = density − ε/2 + ε rankₜᵢ/(n − 1); m ~ Bernoulli(p); τ̃ₜ = mₜ ⊙ τₜ / pₜ; then as TIES",
    "arXiv 2406.11617; the defaults are ours",
    "As dare_ties, with the large changes kept more often.",
    mergekit=Mergekit(DIFFERS, ignored=("int8_mask",)),
)
