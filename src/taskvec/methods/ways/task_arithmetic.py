"""A weighted sum of task vectors (arXiv 2212.04089)."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.weighted import weighted
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import Weighted, normalize_flag
from taskvec.methods.rule import Combination


@dataclass(frozen=True)
class TaskArithmeticOptions(Weighted):
    """Options of ``task_arithmetic``."""

    normalize: bool = normalize_flag(False)


task_arithmetic = Method(
    "task_arithmetic",
    Combination(weighted, gram=None),
    TaskArithmeticOptions,
    "the weighted sum of task vectors",
    "θ* = θ₀ + λ Σ wₜτₜ",
    "arXiv 2212.04089",
    "The first thing to try, and what every other method is held against; λ on validation data.",
    mergekit=Mergekit(ignored=("int8_mask", "rescale", "density")),
)
