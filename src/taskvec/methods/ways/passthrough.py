"""One model as it is, or multiplied by a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Mergekit, Method, Takes
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import always
from taskvec.parameter import number


@dataclass(frozen=True)
class PassthroughOptions(MergeOptions):
    """Options of ``passthrough``."""

    scale: tuple[float, ...] = number(1.0, "what every weight of the model is multiplied by", per_vector=True)


def _coefficients(gram: Doubles | None, options: PassthroughOptions) -> Doubles:  # noqa: ARG001
    return np.array(options.scale)


passthrough = Method(
    "passthrough",
    Combination(_coefficients, gram=None, points=always),
    PassthroughOptions,
    "one model as it is",
    "θ* = s θ₁",
    "mergekit",
    "Layers taken from one model as they are, in recipes of slices; scale 0 for a projection turns a layer off.",
    takes=Takes.POINTS,
    max_inputs=1,
    needs_base=False,
    mergekit=Mergekit(),
)
