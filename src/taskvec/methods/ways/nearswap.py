"""NearSwap: towards another model where it is near, less the farther it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import Unset, number

_LEAST = 1e-6


@dataclass(frozen=True)
class NearswapOptions(MergeOptions):
    """Options of ``nearswap``."""

    t: float = number(Unset.REQUIRED, "the longest way that an element goes", least=0, example=0.001)


def _merge(part: Part, options: NearswapOptions) -> Doubles:
    delta = part.rows[0].astype(np.float64)
    merged: Doubles = np.clip(options.t / np.maximum(np.abs(delta), _LEAST), 0.0, 1.0) * delta
    return merged


nearswap = Method(
    "nearswap",
    Formula(_merge),
    NearswapOptions,
    "towards a model where it is near: no element goes farther than t",
    "τ = τ₁ · min(1, t / |τ₁|)",
    "huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
    "To take up the small changes of another model and little of the large ones; between a and b: "
    "a + nearswap(b - a, t=0.001).",
    max_inputs=1,
    mergekit=Mergekit(),
)
