"""FedNova: task vectors weighted against the number of steps that made them (arXiv 2007.07481, in 2411.18607)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.parameter import Unset, number


@dataclass(frozen=True)
class FednovaOptions(Scaled):
    """Options of ``fednova``."""

    steps: tuple[float, ...] = number(
        Unset.REQUIRED, "how many steps each fine-tune took", per_vector=True, above=0, example=100
    )


def _coefficients(gram: Doubles | None, options: FednovaOptions) -> Doubles:  # noqa: ARG001
    steps = np.array(options.steps)
    coefficients: Doubles = options.scaling * steps.mean() / steps / len(steps)
    return coefficients


fednova = Method(
    "fednova",
    Combination(_coefficients, gram=None),
    FednovaOptions,
    "the mean of task vectors, each divided by its number of steps",
    "τ = λ (1/T) Σ (mean steps / stepsₜ) τₜ",
    "arXiv 2411.18607; from arXiv 2007.07481",
    "Fine-tunes of different length, so that the longest training does not count most.",
)
