"""SCE (arXiv 2408.07990): select by variance, weight by energy, erase minority signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taskvec.methods.electing import weighted_sum
from taskvec.methods.method import Formula, Method, Needs
from taskvec.methods.options import MergeOptions
from taskvec.methods.parameter import number
from taskvec.methods.part import Array, Doubles, Part
from taskvec.methods.statistic import Cuts, Sums

_NOTHING = 1e-6


@dataclass(frozen=True)
class SceOptions(MergeOptions):
    """Options of ``sce``.

    Attributes:
        select_topk: The fraction of elements with the largest variance that is selected.
    """

    select_topk: float = number(
        0.1, "the fraction selected, of the elements that differ between tasks", least=0, most=1, mergekit=1.0
    )


def _selects(options: SceOptions) -> bool:
    return options.select_topk < 1


def _variance(part: Part, options: SceOptions) -> Array:  # noqa: ARG001
    rows = part.rows.astype(np.float64)
    mean = weighted_sum(rows, np.ones(len(rows)), normalize=True)
    variance: Array = weighted_sum((rows - mean) ** 2, np.ones(len(rows)), normalize=True)[None]
    return variance.astype(part.rows.dtype)


def _differs(part: Part, options: SceOptions) -> Array:
    return _variance(part, options) > 0


def _kept(count: int, options: SceOptions, found: tuple[Any, ...]) -> Array:  # noqa: ARG001
    return np.array([[int(found[0][0] * options.select_topk)]])


def _selected(part: Part, options: SceOptions) -> Doubles:
    rows: Doubles = part.rows.astype(np.float64)
    if not _selects(options):
        return rows
    return np.where(part.found[1].above(0, _variance(part, options), part.first), rows, 0.0)


def _energy(part: Part, options: SceOptions) -> Doubles:
    return _selected(part, options) ** 2


def _weights(part: Part) -> Doubles:
    size = max(int(np.prod(part.shape)), 1)
    energy = part.found[2] / size
    total = float(energy.sum())
    return energy / total if total >= _NOTHING else np.full(len(energy), 1 / len(energy))


def _merge(part: Part, options: SceOptions) -> Doubles:
    rows, weights = _selected(part, options), _weights(part)
    sign = np.where(weighted_sum(rows, np.ones(len(rows)), normalize=False) >= 0, 1.0, -1.0)
    agrees = np.sign(rows) == sign
    shares = weighted_sum(agrees, weights, normalize=False)
    return weighted_sum(np.where(agrees, rows, 0.0), weights, normalize=False) / np.maximum(shares, _NOTHING)


sce = Method(
    "sce",
    Formula(
        _merge, statistics=(Sums(_differs, wanted=_selects), Cuts(_kept, _variance, wanted=_selects), Sums(_energy))
    ),
    SceOptions,
    "select by variance, weight by energy, erase minority signs",
    "S = the top fraction by Varₜ τₜ; wₜ ∝ Σ_S τₜ²; γ = sgn Σ τₜ; τ = Σ wₜτₜ / Σ wₜ over t of that sign, in S",
    "arXiv 2408.07990",
    "Models that were taught by different teachers: where they differ most is what they learned.",
    needs=Needs.TENSOR,
    mergekit="",
    ignored=("int8_mask",),
)
