"""TALL masks (arXiv 2405.07813): which elements of the sum of all task vectors matter to which task.

The mask of a task is where |τₜ| ≥ λₜ |Σ τ − τₜ|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Part
from taskvec.parameter import number

MADE_BYTES = 40
"""Of a number: the vectors and their sum in float64, what they differ by, masks."""


@dataclass(frozen=True)
class TallOptions(Scaled):
    """Options of both."""

    threshold: tuple[float, ...] = number(0.4, "λₜ of the masks, larger is sparser", per_vector=True, least=0)


def masks_of(part: Part, total: Doubles, thresholds: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which elements of the sum matter to each task, ``(T, n)``."""
    rows = part.rows.astype(np.float64)
    masks: NDArray[np.bool_] = np.abs(rows) >= np.array(thresholds)[:, None] * np.abs(total - rows)
    return masks


def sum_of(part: Part) -> Doubles:
    """Return Σ τₜ, ``(n,)``."""
    return weighted_sum(part.rows, np.ones(len(part.rows)), normalize=False)
