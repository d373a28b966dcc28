"""DELLA (arXiv 2406.11617): drop by chance, large changes less often; rescale; elect sign; average.

Within each row the chance to be kept grows with the rank of the magnitude, linearly over a window of width ε around the
density. What is kept is divided by its own chance. Rows are those along the last dimension; a tensor of one dimension
is one row. Among equal magnitudes lower indices have lower rank. mergekit's window is 2ε wide, and it rescales each
tensor to its Σ|τ|. The authors' code (declare-lab/della) runs from density − w/2 to density + w/2 over ranks 0 … n − 1
for its window size w, which is ε here, and divides by the chance; it has no defaults: these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from taskvec.methods.dropping import dropped
from taskvec.methods.electing import agreeing, weighted_sum
from taskvec.methods.method import Formula, Method
from taskvec.methods.options import Seeded, normalize_flag
from taskvec.methods.parameter import flag, number
from taskvec.methods.part import Array, Doubles, Grain, Part
from taskvec.methods.sparse import SparseOptions, sparse_rule
from taskvec.numerics.ranking import magnitude_ranks


@dataclass(frozen=True)
class DellaOptions(SparseOptions, Seeded):
    """Options of ``della``.

    Attributes:
        density: The mean chance to be kept.
        epsilon: ε, the width of the window of chances.
        rescale: Whether what is kept is divided by its chance.
        normalize: Whether what agrees is averaged or added.
    """

    density: tuple[float, ...] = number(
        0.3, "the mean chance of an element to be kept", per_vector=True, above=0, most=1, mergekit=1.0
    )
    epsilon: tuple[float, ...] = number(
        0.15, "ε, by how much large changes are kept more often", per_vector=True, least=0, below=1
    )
    rescale: bool = flag(True, "divide what is kept by its chance")
    normalize: bool = normalize_flag(True)

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


@dataclass(frozen=True)
class DellaLinearOptions(DellaOptions):
    """Options of ``della_linear``.

    Attributes:
        normalize: Whether the sum is divided by the weights.
    """

    normalize: bool = normalize_flag(False)


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


def _rule(method: str, *, elects: bool) -> Formula:
    def mask(part: Part, options: DellaOptions) -> Array:
        return dropped(part, method, options.seed, list(_chances(part, options)))

    def rescaled(part: Part, options: DellaOptions) -> Array:
        chances = _chances(part, options)
        return np.asarray(dropped(part, method, options.seed, list(chances)) / chances)

    rule = sparse_rule(mask, agreeing if elects else weighted_sum, exact=rescaled, grain=Grain.ROWS)
    return replace(rule, calls=("ranking",))


_MERGEKIT = (
    "a window of 2ε, here of ε as in the paper; rescales each tensor to its Σ|τ|, here every element by its chance; "
    "masks from torch's global generator; rows along the second dimension, the same for matrices"
)

della = Method(
    "della",
    _rule("della", elects=True),
    DellaOptions,
    "drop small changes more often, rescale, elect sign, average",
    "pₜᵢ = density − ε/2 + ε rankₜᵢ/(n − 1); m ~ Bernoulli(p); τ̃ₜ = mₜ ⊙ τₜ / pₜ; then as TIES",
    "arXiv 2406.11617; the defaults are ours",
    "As dare_ties, with the large changes kept more often.",
    mergekit=_MERGEKIT,
    ignored=("int8_mask",),
)

della_linear = Method(
    "della_linear",
    _rule("della_linear", elects=False),
    DellaLinearOptions,
    "drop small changes more often, rescale, add up",
    "τ̃ₜ as in della; τ = λ Σ wₜτ̃ₜ",
    "arXiv 2406.11617; the defaults are ours",
    "As dare_linear, with the large changes kept more often.",
    mergekit=_MERGEKIT,
    ignored=("int8_mask",),
)
