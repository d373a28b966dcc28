"""The Karcher mean: the point of the sphere with the least sum of squared arcs to all models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.sphere import length, norms_of
from taskvec.methods.method import Mergekit, Method, Takes
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import always
from taskvec.parameter import count, number


@dataclass(frozen=True)
class KarcherOptions(MergeOptions):
    """Options of ``karcher``."""

    max_iter: int = count(10, "most steps", least=0)
    tol: float = number(1e-5, "the length of a step at which they end", above=0)


def _coefficients(gram: Doubles, options: KarcherOptions) -> Doubles:
    norms, count_ = norms_of(gram), len(gram)
    if count_ == 1:
        return np.ones(1)
    valid = norms > options.tol
    if not valid.any():
        return np.zeros(count_)
    to_unit = np.where(valid, 1 / np.where(valid, norms, 1.0), 0.0)
    units = to_unit[:, None] * gram * to_unit
    mean = _mean_direction(units, valid / valid.sum(), options)
    coefficients: Doubles = mean * to_unit * norms.mean()
    return coefficients


def _mean_direction(units: Doubles, weights: Doubles, options: KarcherOptions) -> Doubles:
    size = length(weights, units)
    mean = weights / size if size >= options.tol else np.eye(len(weights))[int(np.argmax(weights > 0))]
    for _ in range(options.max_iter):
        cosines = np.clip(units @ mean, -1.0, 1.0)
        angles = np.arccos(cosines)
        sines = np.sin(angles)
        pulls_at_all = (sines >= options.tol) & (weights > 0)  # what is opposite pulls to no side
        pulls = np.where(pulls_at_all, weights * angles / np.where(pulls_at_all, sines, 1.0), 0.0)
        tangent = pulls - float(pulls @ cosines) * mean
        step = length(tangent, units)
        if step < options.tol:
            break
        mean = np.cos(step) * mean + np.sin(step) * tangent / step
        mean /= length(mean, units)
    return mean


karcher = Method(
    "karcher",
    Combination(_coefficients, points=always),
    KarcherOptions,
    "the mean on the sphere by arcs, and the mean norm",
    "μ = argmin Σ arc(μ, θₜ/‖θₜ‖)²; θ* = μ · mean ‖θₜ‖",
    "arXiv 2603.04972",
    "Several models alike, where a mean would lose norm.",
    takes=Takes.POINTS,
    needs_base=False,
    mergekit=Mergekit(),
)
