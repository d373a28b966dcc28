"""SCE (arXiv 2408.07990): select by variance, weight by energy, erase minority signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.method import Mergekit, Method
from taskvec.methods.options import MergeOptions
from taskvec.methods.part import Array, Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.methods.statistic import Cut, Cuts, Sums
from taskvec.numerics.selection import erase_minority, select_varied, variances
from taskvec.parameter import number

_NOTHING = 1e-6


Found = tuple[Doubles | None, Cut | None, Doubles]
"""How many elements differ and the cut by variance, where some are selected; and Σ τ² of what is."""


@dataclass(frozen=True)
class SceOptions(MergeOptions):
    """Options of ``sce``."""

    select_topk: float = number(
        0.1, "the fraction selected, of the elements that differ between tasks", least=0, most=1, mergekit=1.0
    )


def _selects(options: SceOptions) -> bool:
    return options.select_topk < 1


def _variance(part: Part, options: SceOptions) -> Array:  # noqa: ARG001
    found: Array = np.empty((1, part.rows.shape[1]), part.rows.dtype)
    variances(part.rows, found[0])
    return found


def _differs(part: Part, options: SceOptions) -> Array:
    return _variance(part, options) > 0


def _kept(count: int, options: SceOptions, found: tuple[Doubles]) -> Array:  # noqa: ARG001
    return np.array([[int(found[0][0] * options.select_topk)]])


def _selected(part: Part, options: SceOptions) -> Doubles:
    if not _selects(options):
        return part.rows.astype(np.float64)
    cut: Cut = part.found[1]
    selected = np.empty(part.rows.shape)
    select_varied(part.rows, cut.thresholds[0, 0], cut.ends[0, 0], part.first, selected)
    return selected


def _energy(part: Part, options: SceOptions) -> Doubles:
    return _selected(part, options) ** 2


def _weights(part: Part[Found]) -> Doubles:
    size = max(int(np.prod(part.shape)), 1)
    energy = part.found[2] / size
    total = float(energy.sum())
    return energy / total if total >= _NOTHING else np.full(len(energy), 1 / len(energy))


def _merge(part: Part[Found], options: SceOptions) -> Doubles:
    merged = np.empty(part.rows.shape[1])
    erase_minority(_selected(part, options), _weights(part), _NOTHING, merged)
    return merged


sce = Method(
    "sce",
    Formula(
        _merge,
        statistics=(Sums(_differs, wanted=_selects), Cuts(_kept, _variance, wanted=_selects), Sums(_energy)),
        calls=("selection",),
    ),
    SceOptions,
    "select by variance, weight by energy, erase minority signs",
    "S = the top fraction by Varₜ τₜ; wₜ ∝ Σ_S τₜ²; γ = sgn Σ τₜ; τ = Σ wₜτₜ / Σ wₜ over t of that sign, in S",
    "arXiv 2408.07990",
    "Models that were taught by different teachers: where they differ most is what they learned.",
    mergekit=Mergekit(ignored=("int8_mask",)),
)
