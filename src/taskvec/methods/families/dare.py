"""What DARE (arXiv 2311.03099) is with a sum and with an election: drop most by chance, and rescale the rest.

With m ~ Bernoulli(p): τ̃ = m ⊙ τ / p, whose mean is τ. mergekit rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor instead of
1/p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.dropping import dropped
from taskvec.methods.families.electing import Consensus
from taskvec.methods.families.sparse import SparseOptions, sparse_rule
from taskvec.methods.options import Seeded
from taskvec.methods.part import Array, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import flag, number

DIFFERS = (
    "rescales by Σ|τ| / Σ|m ⊙ τ| of each tensor, here by 1/p exactly; draws its masks from torch's global generator, "
    "so that they depend on what was drawn before"
)
"""Where mergekit's definition is another."""


@dataclass(frozen=True)
class DareOptions(SparseOptions, Seeded):
    """Options of both."""

    density: tuple[float, ...] = number(
        0.1, "p, the chance of an element to be kept", per_vector=True, above=0, most=1, mergekit=1.0
    )
    rescale: bool = flag(True, "multiply what is kept by 1/p")


def dare_rule(method: str, consensus: Consensus) -> Formula:
    """Make the rule of one.

    Args:
        method: Its name, which its masks depend on.
        consensus: Whether what is kept is added up or signs are elected.

    Returns:
        The rule.
    """

    def mask(part: Part, options: DareOptions) -> Array:
        return dropped(part, method, options.seed, options.density)

    def rescaled(part: Part, options: DareOptions) -> Array:
        return np.asarray(mask(part, options) / np.array(options.density)[:, None])

    return sparse_rule(mask, consensus, exact=rescaled)
