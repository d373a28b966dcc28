"""Multi-SLERP (Goddard, 2025): a weighted mean on the sphere, by the tangent space at the mean direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.errors import CompositionError
from taskvec.methods.families.sphere import length, norms_of
from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.parameter import Unset, flag, number


@dataclass(frozen=True)
class MultislerpOptions(MergeOptions):
    """Options of ``multislerp``."""

    weight: tuple[float, ...] = number(1.0, "the weight of each", per_vector=True, mergekit=Unset.REQUIRED)
    normalize_weights: bool = flag(True, "divide the weights by their sum")
    points: bool = flag(False, "merge whole models, not their differences from the base")
    eps: float = number(1e-8, "what norms are kept away from zero by", above=0)


def _coefficients(gram: Doubles, options: MultislerpOptions) -> Doubles:
    weights = np.array(options.weight)
    if len(weights) == 1:
        return np.ones(1)
    if options.normalize_weights:
        weights /= weights.sum()
    norms = norms_of(gram)
    if not norms.any():
        return weights
    to_unit = 1 / (norms + options.eps)
    units = to_unit[:, None] * gram * to_unit
    middle = length(weights, units)
    if middle < options.eps:
        return _without_direction(weights)
    mean = weights / middle
    tangent = weights - (weights @ units @ mean) * mean
    angle = length(tangent, units) + options.eps
    on_sphere = mean * np.cos(angle) + tangent * (np.sin(angle) / angle)
    coefficients: Doubles = on_sphere * to_unit * float(norms @ weights)
    return coefficients


def _without_direction(weights: Doubles) -> Doubles:
    """Return the weights of two opposite vectors.

    Raises:
        CompositionError: If there are more, whose mean has no direction.
    """
    if len(weights) > 2:
        raise CompositionError(
            "multislerp: the weighted directions add up to zero, and no mean direction is left: change the weights"
        )
    return weights


multislerp = Method(
    "multislerp",
    Combination(_coefficients, points=lambda options: options.points),
    MultislerpOptions,
    "a weighted mean of directions on the sphere, and of norms",
    "u = Σ wₜ τₜ/‖τₜ‖, μ = u/‖u‖; v = Σ wₜ (τₜ/‖τₜ‖ − cos φₜ μ); τ = (cos ‖v‖ μ + sin ‖v‖ v/‖v‖) Σ wₜ‖τₜ‖",
    "goddard.blog/posts/multislerp-wow-what-a-cool-idea",
    "Three and more models where slerp would do for two.",
    needs_base=False,
    mergekit=Mergekit(),
)
