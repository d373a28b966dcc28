"""The median of every element over the tasks; of an even number of tasks, the mean of the two in the middle."""

from __future__ import annotations

import numpy as np

from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula


def _merge(part: Part, options: Scaled) -> Doubles:
    merged: Doubles = options.scaling * np.median(part.rows.astype(np.float64), axis=0)
    return merged


coordinate_median = Method(
    "coordinate_median",
    Formula(_merge),
    Scaled,
    "the median of every element",
    "τᵢ = λ median over t of τₜᵢ; of an even number the mean of the two in the middle",
    "arXiv 2411.18607; from arXiv 1803.01498",
    "Many task vectors, of which some may be broken.",
)
