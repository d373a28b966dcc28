"""Arcee Fusion: take up the changes that matter, by their size and by how much their rows' softmax changed."""

from __future__ import annotations

import numpy as np

from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Array, Doubles, Grain, Part
from taskvec.methods.rule import Formula
from taskvec.methods.statistic import Cut, Cuts
from taskvec.numerics.divergence import changes_by_divergence

_QUANTILES = (0.25, 0.5, 0.75)


def _importance(part: Part, options: MergeOptions) -> Array:  # noqa: ARG001
    """Return |τ| times the divergence of the rows' softmax, ``(1, n)``."""
    importance: Array = np.empty((1, part.base.size), part.rows.dtype)
    changes_by_divergence(part.base, part.rows[0], part.row_length, importance[0])
    return importance


def _kept(count: int, options: MergeOptions, found: tuple[()]) -> Array:  # noqa: ARG001
    """Return how many are at least the three quartiles, each the element at ⌊q(n − 1)⌋ in increasing order."""
    return np.array([[count - int(q * (count - 1))] if count else [0] for q in _QUANTILES])


def _merge(part: Part[tuple[Cut]], options: MergeOptions) -> Doubles:
    first, median, third = (float(one) for one in part.found[0].thresholds[:, 0])
    is_important = _importance(part, options)[0] >= median + 1.5 * (third - first)
    merged: Doubles = np.where(is_important, part.rows[0], 0.0)
    return merged


arcee_fusion = Method(
    "arcee_fusion",
    Formula(_merge, Grain.ROWS, (Cuts(_kept, _importance, number=len(_QUANTILES)),), calls=("divergence",)),
    MergeOptions,
    "the changes of one model that stand out",
    "I = |τ| · KL(softmax θ₁ ‖ softmax θ₀) of rows; τ where I ≥ median I + 1.5 (third − first quartile), else 0",
    "arcee.ai; as in mergekit",
    "To take up from one model what it changed most, and keep the rest of the base.",
    max_inputs=1,
    mergekit=Mergekit(
        "quartiles of a million elements drawn by chance where a tensor has more, here of all of them; a slightly "
        "negative divergence is 0 here"
    ),
)
