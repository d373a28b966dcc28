"""What sparse merges have in common: mask each task vector, rescale what is kept, then add up or elect signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from taskvec.methods.families.dropping import l1_ratios, l1_sums
from taskvec.methods.families.electing import Consensus
from taskvec.methods.options import Weighted
from taskvec.methods.part import Array, Doubles, FoundT, Grain, Part, Stored
from taskvec.methods.rule import Formula, Fused
from taskvec.methods.statistic import Cuts, Sums


@dataclass(frozen=True, kw_only=True)
class SparseOptions(Weighted):
    """What sparse merges take; each declares ranges and defaults of its own.

    Attributes:
        density: The fraction, or chance, of elements to be kept.
        rescale: Whether what is kept is rescaled.
        normalize: Whether the result is divided by the weights that take part.
    """

    density: tuple[float, ...]
    rescale: bool
    normalize: bool


Sparse = TypeVar("Sparse", bound=SparseOptions)

Mask = Callable[[Part[FoundT], Sparse], Array]
"""From a part and options to the rows with zeros where they are masked, ``(T, n)``."""


def sparse_rule(
    mask: Mask[FoundT, Sparse],
    consensus: Consensus,
    *,
    exact: Mask[FoundT, Sparse] | None = None,
    cuts: Cuts[Sparse] | None = None,
    grain: Grain = Grain.ELEMENTS,
    fused: Fused[Sparse, FoundT] | None = None,
) -> Formula[Sparse, FoundT]:
    """Make the rule of a sparse merge.

    Args:
        mask: Which elements are kept.
        consensus: Whether rows are added up or signs elected.
        exact: The rows masked and rescaled by what their chances are; where it is not given, and under mergekit's
            semantics, they are rescaled to the Σ|τ| of the tensor.
        cuts: What the mask must know.
        grain: How much of a tensor the mask must see.
        fused: Mask and consensus in one kernel, where nothing is rescaled.

    Returns:
        The rule.
    """

    def uses_l1(options: Sparse) -> bool:
        return options.rescale and (exact is None or options.is_mergekit)

    def terms(part: Part[FoundT], options: Sparse) -> Doubles:
        return l1_sums(part.rows, mask(part, options))

    def sparse(part: Part[FoundT], options: Sparse) -> Array:
        if uses_l1(options):
            return np.asarray(mask(part, options) * l1_ratios(part.found[-1])[:, None])
        return exact(part, options) if exact is not None and options.rescale else mask(part, options)

    def merge(part: Part[FoundT], options: Sparse) -> Doubles:
        rows = sparse(part, options)
        return options.scaling * consensus(rows, options.weight, normalize=options.normalize)

    def merge_at_once(stored: Stored[FoundT], options: Sparse, out: Array) -> bool:
        is_finite = fused is not None and fused.merge(stored, options, out)
        out *= np.float32(options.scaling)
        return is_finite

    known = (cuts,) if cuts else ()
    faster = fused and Fused(fused.begin, merge_at_once, wanted=lambda options: not options.rescale)
    return Formula(merge, grain, (*known, Sums(terms, wanted=uses_l1)), faster)
