"""SLERP: two models, interpolated along the arc between them (Shoemake, 1985; of weights as mergekit has it)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.sphere import between, norms_of
from taskvec.methods.method import Mergekit, Method, Takes
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import always
from taskvec.parameter import Unset, number

_STRAIGHT = 0.9995  # |cos| above which the arc is taken as a line
_NOTHING = 1e-8


@dataclass(frozen=True)
class SlerpOptions(MergeOptions):
    """Options of ``slerp``."""

    t: float = number(0.5, "where between the first model (0) and the second (1)", mergekit=Unset.REQUIRED)


def _coefficients(gram: Doubles, options: SlerpOptions) -> Doubles:
    norms = norms_of(gram)
    first, second = np.where(norms > _NOTHING, norms, 1.0)
    cosine = float(np.clip(gram[0, 1] / (first * second), -1.0, 1.0))
    return between(options.t, cosine, is_straight=abs(cosine) > _STRAIGHT)


slerp = Method(
    "slerp",
    Combination(_coefficients, points=always),
    SlerpOptions,
    "two models, interpolated along the arc between them",
    "θ* = (sin((1 − t)φ) θ₁ + sin(tφ) θ₂) / sin φ, φ the angle between the tensors θ₁ and θ₂",
    "Shoemake, SIGGRAPH 1985; as in mergekit",
    "Two models alike, to get between them without the loss of norm of a mean; t may differ between layers.",
    takes=Takes.POINTS,
    min_inputs=2,
    max_inputs=2,
    needs_base=False,
    mergekit=Mergekit(),
)
