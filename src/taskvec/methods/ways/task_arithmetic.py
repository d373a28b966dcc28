"""A weighted sum of task vectors (arXiv 2212.04089)."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.methods.families.electing import shares
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import Weighted, normalize_flag
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination


@dataclass(frozen=True)
class TaskArithmeticOptions(Weighted):
    """Options of ``task_arithmetic``."""

    normalize: bool = normalize_flag(False)


def _coefficients(gram: Doubles | None, options: TaskArithmeticOptions) -> Doubles:  # noqa: ARG001
    return options.scaling * shares(options.weight, normalize=options.normalize)


task_arithmetic = Method(
    "task_arithmetic",
    Combination(_coefficients, gram=None),
    TaskArithmeticOptions,
    "the weighted sum of task vectors",
    "θ* = θ₀ + λ Σ wₜτₜ",
    "arXiv 2212.04089",
    "The first thing to try, and what every other method is held against; λ on validation data.",
    mergekit=Mergekit(ignored=("int8_mask", "rescale", "density")),
)
