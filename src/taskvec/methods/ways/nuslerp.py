"""NuSLERP: SLERP by weights, of task vectors or models; of whole tensors, or of every row or column for itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.sphere import between, norms_of
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles, Grain, Part
from taskvec.methods.rule import Combination, Either, Formula
from taskvec.parameter import Unset, flag, number

_LEAST_NORM = 1e-7
_STRAIGHT = 1e-16  # sin² of an angle below which the arc is taken as a line
_NOTHING = 1e-6


@dataclass(frozen=True)
class NuslerpOptions(MergeOptions):
    """Options of ``nuslerp``."""

    weight: tuple[float, ...] = number(1.0, "the weight of each", per_vector=True, mergekit=Unset.REQUIRED)
    points: bool = flag(False, "merge whole models, not their differences from the base")
    nuslerp_flatten: bool = flag(True, "take a tensor as one vector")
    nuslerp_row_wise: bool = flag(False, "if not flattened: vectors along the first dimension, not along the last")

    @property
    def fraction(self) -> float:
        """Where between the two."""
        total = sum(self.weight)
        return 0.5 if abs(total) < _NOTHING else self.weight[1] / total


def _coefficients(gram: Doubles, options: NuslerpOptions) -> Doubles:
    first, second = np.maximum(norms_of(gram), _LEAST_NORM)
    cosine = float(np.clip(gram[0, 1] / (first * second), -1.0, 1.0))
    return between(options.fraction, cosine, is_straight=1 - cosine**2 <= _STRAIGHT)


def _merge(part: Part, options: NuslerpOptions) -> Doubles:
    """Take every row, or every column, as a vector of its own."""
    base = part.base.astype(np.float64) if options.points else np.zeros(part.base.size)
    rows = [(row.astype(np.float64) + base).reshape(-1, *part.shape[1:]) for row in part.rows]
    axis = 0 if options.nuslerp_row_wise else -1
    first, second = (row.reshape(-1) if not part.shape else row for row in rows)
    units = [v / np.maximum(np.linalg.norm(v, axis=axis, keepdims=True), _LEAST_NORM) for v in (first, second)]
    cosine = np.clip((units[0] * units[1]).sum(axis=axis, keepdims=True), -1.0, 1.0)
    is_straight = 1 - cosine**2 <= _STRAIGHT
    angle = np.arccos(np.where(is_straight, 0.0, cosine))
    t = options.fraction
    arc = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * second) / np.sin(angle)
    merged: Doubles = np.where(is_straight, (1 - t) * first + t * second, arc).reshape(-1) - base
    return merged


nuslerp = Method(
    "nuslerp",
    Either(
        lambda options: not options.nuslerp_flatten,
        Formula(_merge, Grain.TENSOR),
        Combination(_coefficients, points=lambda options: options.points),
    ),
    NuslerpOptions,
    "two task vectors, or models, interpolated along the arc by weights",
    "t = w₂ / (w₁ + w₂); τ = (sin((1 − t)φ) τ₁ + sin(tφ) τ₂) / sin φ",
    "mergekit",
    "As slerp, around the base: directions of change are interpolated, not models.",
    min_inputs=2,
    max_inputs=2,
    needs_base=False,
    mergekit=Mergekit(),
)
