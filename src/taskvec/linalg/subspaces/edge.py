"""Where chance ends: the largest eigenvalue that random subspaces give, and thresholds just above it.

Of k independent random subspaces with density p = rank / dimension:

- the mean of their projectors has spectrum up to (√(p(1 − 1/k)) + √((1 − p)/k))²;
- the palindrome P₁P₂…P_k…P₂P₁ is a free product of k projections; with the S-transform of a projection,
  (1 + z)/(p + z), its spectrum ends at kᵏ/(k − 1)ᵏ⁻¹ · pᵏ⁻¹(1 − p). For k = 2 this is 4p(1 − p), and both edges
  describe the same angle;
- the chain P₁P₂…P_k has the palindrome's edge for k = 2. For k > 2 we know no closed form; simulated for k up to 12 and
  p up to .5, its largest real eigenvalue lies from .03 below the palindrome's edge to .02 above, so that chance does
  not pass the same threshold.

For p ≥ 1 − 1/k subspaces meet by necessity, and no threshold can tell. The edges are ours, not the paper's.
"""

from __future__ import annotations

import math

MARGIN = 0.02
"""How far above the edge a direction must be; finite matrices scatter around the limit."""


def meet_by_necessity(density: float, num_tasks: int) -> bool:
    """Say whether any k subspaces of density p have directions in common, p ≥ 1 − 1/k; no eigenvalue tells then."""
    return density >= 1 - 1 / num_tasks


def mean_edge(density: float, num_tasks: int) -> float:
    """Return (√(p(1 − 1/k)) + √((1 − p)/k))², the largest eigenvalue of the mean of k random projectors."""
    return (math.sqrt(density * (1 - 1 / num_tasks)) + math.sqrt((1 - density) / num_tasks)) ** 2


def product_edge(density: float, num_tasks: int) -> float:
    """Return kᵏ/(k − 1)ᵏ⁻¹ · pᵏ⁻¹(1 − p), the palindrome's largest eigenvalue by chance and nearly the chain's."""
    k = float(num_tasks)
    return k * (1 - density) * (density * k / (k - 1)) ** (num_tasks - 1)


def above(edge: float) -> float:
    """Return the threshold for an edge: ``MARGIN`` above it, less where 1 is near."""
    return min(edge + MARGIN, (1 + edge) / 2)


def mean_threshold(chain_threshold: float) -> float:
    """Return the threshold on the mean projector of two tasks that equals τ on their chain: (1 + √τ) / 2."""
    return (1 + math.sqrt(chain_threshold)) / 2


def chain_threshold(mean: float) -> float:
    """Return the threshold on the chain of two tasks that equals τ′ on their mean projector: (2τ′ − 1)²."""
    return (2 * mean - 1) ** 2
