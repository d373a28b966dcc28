"""Adaptive Weight Disentanglement (arXiv 2411.18729): take away what makes task vectors alike, then add them up.

δ minimises mean_{i≠j} |cos(τᵢ − δ, τⱼ − δ)| + α‖δ‖. Its gradient lies in the span of the τ, so δ = Vc and only G is
needed (ours): milliseconds for any number of parameters. Steps go down the gradient in R^P, Vh for coefficients h, and
are halved until they help, where the paper takes 300 steps of a fixed rate. They are short beside the vectors: a long
one finds a δ of twice their mean, whose cosines are as small and whose sum has the opposite sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.sphere import length
from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import whole_model
from taskvec.parameter import count, number

_LONGEST, _SHORTEST = 0.02, 1e-9
"""Of a step, beside the root mean square of the vectors' norms."""


@dataclass(frozen=True)
class AwdOptions(Scaled):
    """Options of ``awd``."""

    alpha: float = number(0.1, "α, the price of taking away", least=0)
    iterations: int = count(300, "most steps", least=0)


def _coefficients(gram: Doubles, options: AwdOptions) -> Doubles:
    taken = disentangled(gram, options.alpha, options.iterations)
    return options.scaling * (1.0 - len(gram) * taken)


def disentangled(gram: Doubles, alpha: float, iterations: int) -> Doubles:
    """Return c with δ = Vc.

    Args:
        gram: G, ``(T, T)``.
        alpha: α.
        iterations: Most steps.

    Returns:
        c, ``(T,)``. Tasks are taken in the order of their norms, so that theirs changes no rounding on the way.
    """
    order = np.lexsort((gram.sum(axis=1), np.diag(gram)))
    taken = np.empty(len(gram))
    taken[order] = _descended(gram[np.ix_(order, order)], alpha, iterations)
    return taken


def _descended(gram: Doubles, alpha: float, iterations: int) -> Doubles:
    taken = np.zeros(len(gram))
    norm = math.sqrt(float(np.trace(gram)) / max(len(gram), 1))
    value, stride = objective(taken, gram, alpha), _LONGEST * norm
    for _ in range(iterations):
        downhill = -_gradient(taken, gram, alpha)
        steepness = length(downhill, gram)
        while steepness > 0 and stride > _SHORTEST * norm:
            tried = taken + stride / steepness * downhill
            new = objective(tried, gram, alpha)
            if new < value:
                taken, value, stride = tried, new, min(2 * stride, _LONGEST * norm)
                break
            stride /= 2
        else:
            break
    return taken


def objective(taken: Doubles, gram: Doubles, alpha: float) -> float:
    """Return mean_{i≠j} |cos(τᵢ − δ, τⱼ − δ)| + α‖δ‖; a vector that is all taken away counts as orthogonal."""
    cosines, _ = _cosines(taken, gram)
    pairs = len(gram) * (len(gram) - 1)
    overlap = float(np.abs(cosines).sum()) / pairs if pairs else 0.0
    return overlap + alpha * length(taken, gram)


def _cosines(taken: Doubles, gram: Doubles) -> tuple[Doubles, Doubles]:
    """Return the cosines of different τᵢ − δ, and the norms."""
    left = np.eye(len(gram)) - taken
    products = left @ gram @ left.T
    norms = np.sqrt(np.maximum(np.diag(products), 0.0))
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    cosines: Doubles = scale[:, None] * products * scale
    np.fill_diagonal(cosines, 0.0)
    return cosines, norms


def _gradient(taken: Doubles, gram: Doubles, alpha: float) -> Doubles:
    """Return h where the gradient in R^P is Vh."""
    cosines, norms = _cosines(taken, gram)
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    signs, num_tasks = np.sign(cosines), len(gram)
    pull = -2 * (signs * np.outer(scale, scale)).sum(axis=1) + 2 * np.abs(cosines).sum(axis=1) * scale**2
    left = np.eye(num_tasks) - taken
    overlap = pull @ left / max(num_tasks * (num_tasks - 1), 1)
    size = length(taken, gram)
    gradient: Doubles = overlap + (alpha * taken / size if size > 0 else 0.0)
    return gradient


awd = Method(
    "awd",
    Combination(_coefficients, gram=whole_model),
    AwdOptions,
    "what makes task vectors alike taken away, the rest added up",
    "δ = argmin mean_{i≠j} |cos(τᵢ − δ, τⱼ − δ)| + α‖δ‖; τ = λ Σ (τₜ − δ)",
    "arXiv 2411.18729; on the Gram matrix: ours",
    "Task vectors with a common part. On nearly orthogonal ones there is nothing to take away.",
)
