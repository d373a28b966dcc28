"""Model Breadcrumbs (arXiv 2312.06795): mask the largest and the smallest changes of each tensor, add up the rest."""

from __future__ import annotations

from taskvec.methods.families.breadcrumbs import DIFFERS, BreadcrumbsOptions, breadcrumbs_rule
from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.method import Mergekit, Method

breadcrumbs = Method(
    "breadcrumbs",
    breadcrumbs_rule(weighted_sum),
    BreadcrumbsOptions,
    "mask the largest and the smallest changes, add up",
    "mₜ = neither among the γn largest |τₜ| nor below the next density · n; τ = λ Σ wₜ mₜ ⊙ τₜ",
    "arXiv 2312.06795; the defaults are ours",
    "Many tasks: outliers of one task do harm to the others, small changes are noise.",
    mergekit=Mergekit(DIFFERS, ignored=("int8_mask",)),
)
