"""MagMax (arXiv 2407.06322): of every element the largest change that any task made to it.

Their task vectors come from fine-tunes one after another, each beginning where the one before it ended; any will do.
Where two changes are equally large the later task, in the order of arguments, counts: that rule is ours.
"""

from __future__ import annotations

import numpy as np

from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula


def _merge(part: Part, options: Scaled) -> Doubles:
    largest = part.rows[0].astype(np.float64)
    for row in part.rows[1:]:
        np.copyto(largest, row, where=np.abs(row) >= np.abs(largest))
    merged: Doubles = options.scaling * largest
    return merged


magmax = Method(
    "magmax",
    Formula(_merge),
    Scaled,
    "the largest change of every element",
    "τᵢ = λ τₜᵢ, t = argmax |τₜᵢ|, of equal ones the last",
    "arXiv 2407.06322",
    "Fine-tunes made one after another, each from the one before: what a task changed most stays as that task left it.",
)
