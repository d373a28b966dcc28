"""A weighted mean of models (model soups, arXiv 2203.05482)."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.weighted import weighted
from taskvec.methods.method import Mergekit, Method, Takes
from taskvec.methods.options import Weighted, normalize_flag
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import always


@dataclass(frozen=True)
class LinearOptions(Weighted):
    """Options of ``linear``."""

    normalize: bool = normalize_flag(True)


linear = Method(
    "linear",
    Combination(weighted, gram=None, points=always),
    LinearOptions,
    "the weighted mean of models",
    "θ* = λ Σ wₜθₜ / Σ wₜ",
    "arXiv 2203.05482",
    "Fine-tunes of one task that differ in seed or hyperparameters: their mean is often better than each.",
    takes=Takes.POINTS,
    needs_base=False,
    mergekit=Mergekit(),
)
