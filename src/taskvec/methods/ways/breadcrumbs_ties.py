"""Model Breadcrumbs (arXiv 2312.06795) with the signs of TIES (arXiv 2306.01708), as in mergekit."""

from __future__ import annotations

from taskvec.methods.families.breadcrumbs import DIFFERS, BreadcrumbsOptions, breadcrumbs_rule
from taskvec.methods.families.electing import agreeing
from taskvec.methods.method import Mergekit, Method

breadcrumbs_ties = Method(
    "breadcrumbs_ties",
    breadcrumbs_rule(agreeing),
    BreadcrumbsOptions,
    "mask the largest and the smallest changes, elect sign",
    "mₜ as in breadcrumbs; γ = sgn Σ wₜmₜτₜ; τ = λ Σ wₜmₜτₜ over t of that sign",
    "arXiv 2312.06795 with 2306.01708; as in mergekit; the defaults are ours",
    "As breadcrumbs, where signs also conflict.",
    mergekit=Mergekit(DIFFERS, ignored=("int8_mask",)),
)
