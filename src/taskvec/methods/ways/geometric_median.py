"""The geometric median: least sum of distances to all task vectors, by Weiszfeld's iteration on the Gram matrix.

Every iterate is a convex combination of the τₜ, so distances follow from G: ‖τₜ − Vc‖² = (eₜ − c)ᵀG(eₜ − c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Method
from taskvec.methods.options import Weighted
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.parameter import count, number, word

_NEAR = 1e-12  # a distance is at least this share of the largest norm, so that no weight is infinite


@dataclass(frozen=True)
class GeometricMedianOptions(Weighted):
    """Options of ``geometric_median``."""

    scope: str = word("model", "one median of the model, or of each tensor", choices=("model", "tensor"))
    max_iter: int = count(1000, "most steps", least=1)
    tol: float = number(1e-10, "the change of coefficients at which they end", above=0)

    def problem(self) -> str | None:
        """Say which values do not go together."""
        is_convex = min(self.weight) >= 0 and sum(self.weight) > 0
        return None if is_convex else "weight has to be at least 0, and above 0 for some vector"


def _coefficients(gram: Doubles, options: GeometricMedianOptions) -> Doubles:
    weights = np.array(options.weight) / sum(options.weight)
    least = _NEAR * float(np.sqrt(np.diag(gram).max(initial=0.0))) or 1.0
    found = weights
    for _ in range(options.max_iter):
        away = np.eye(len(gram)) - found
        distances = np.sqrt(np.maximum(np.einsum("ts,su,tu->t", away, gram, away), least**2))
        before, found = found, weights / distances / float((weights / distances).sum())
        if np.abs(found - before).max() < options.tol:
            break
    return options.scaling * found


geometric_median = Method(
    "geometric_median",
    Combination(_coefficients, gram=lambda options: options.scope),
    GeometricMedianOptions,
    "the point with the least sum of distances to all task vectors",
    "τ = λ argmin_v Σ wₜ ‖τₜ − v‖",
    "Weiszfeld, 1937; as robust aggregation in arXiv 1912.13445; on the Gram matrix: ours",
    "Many task vectors of which a few are broken: less than half of them can be, and the result stays near the others.",
)
