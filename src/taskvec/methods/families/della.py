"""What DELLA (arXiv 2406.11617) is with an election and with a sum: drop by chance, large changes less often; rescale.

Within each row the chance to be kept grows with the rank of the magnitude, linearly over a window of width ε around the
density. What is kept is divided by its own chance. Rows are those along the last dimension; a tensor of one dimension
is one row. Among equal magnitudes lower indices have lower rank. mergekit's window is 2ε wide, and it rescales each
tensor to its Σ|τ|. The authors' code (declare-lab/della) runs from density − w/2 to density + w/2 over ranks 0 … n − 1
for its window size w, which is ε here, and divides by the chance; it has no defaults: these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from taskvec.methods.families.dropping import dropped
from taskvec.methods.families.electing import Consensus
from taskvec.methods.families.sparse import SparseOptions, sparse_rule
from taskvec.methods.options import Seeded
from taskvec.methods.part import Array, Doubles, Grain, Part
from taskvec.methods.rule import Formula
from taskvec.numerics.ranking import magnitude_ranks
from taskvec.parameter import flag, number

DIFFERS = (
    "a window of 2ε, here of ε as in the paper; rescales each tensor to its Σ|τ|, here every element by its chance; "
    "masks from torch's global generator; rows along the second dimension, the same for matrices"
)
"""Where mergekit's definition is another."""


@dataclass(frozen=True)
class DellaOptions(SparseOptions, Seeded):
    """Options of both."""

    density: tuple[float, ...] = number(
        0.3, "the mean chance of an element to be kept", per_vector=True, above=0, most=1, mergekit=1.0
    )
    epsilon: tuple[float, ...] = number(
        0.15, "ε, by how much large changes are kept more often", per_vector=True, least=0, below=1
    )
    rescale: bool = flag(True, "divide what is kept by its chance")

    def problem(self) -> str | None:
        """Say which values do not go together."""
        for density, half in zip(self.density, self.half_widths, strict=True):
            if density < 1 and not 0 < density - half <= density + half < 1:
                return f"epsilon spreads the chances beyond 0 … 1 around density={density:g}: make epsilon smaller"
        return None

    @property
    def half_widths(self) -> tuple[float, ...]:
        """Half the width of each window."""
        return self.epsilon if self.is_mergekit else tuple(epsilon / 2 for epsilon in self.epsilon)


def _chances(part: Part, options: DellaOptions) -> Doubles:
    """Return the chance of every element to be kept, ``(T, n)``."""
    ranks = np.empty(part.rows.shape)
    for row, rank in zip(part.rows, ranks, strict=True):
        _rank(row, part.row_length, rank)
    density, half = (np.array(one)[:, None] for one in (options.density, options.half_widths))
    ranks *= 2 * half / max(part.row_length - 1, 1)
    ranks += density - half
    return np.where(density >= 1, 1.0, ranks)


def _rank(row: Array, length: int, ranks: Doubles) -> None:
    """Write the rank of every magnitude within its row of some length."""
    if row.dtype == np.float32:
        magnitude_ranks(row, length, ranks)
        return
    order = np.argsort(np.abs(row).reshape(-1, length), axis=-1, kind="stable")
    np.put_along_axis(ranks.reshape(-1, length), order, np.arange(length, dtype=np.float64), axis=-1)


def della_rule(method: str, consensus: Consensus) -> Formula:
    """Make the rule of one.

    Args:
        method: Its name, which its masks depend on.
        consensus: Whether what is kept is added up or signs are elected.

    Returns:
        The rule.
    """

    def mask(part: Part, options: DellaOptions) -> Array:
        return dropped(part, method, options.seed, list(_chances(part, options)))

    def rescaled(part: Part, options: DellaOptions) -> Array:
        chances = _chances(part, options)
        return np.asarray(dropped(part, method, options.seed, list(chances)) / chances)

    return replace(sparse_rule(mask, consensus, exact=rescaled, grain=Grain.ROWS), calls=("ranking",))
