"""TALL masks and consensus merging (arXiv 2405.07813): which elements of the sum matter to which task.

τ_MTL = Σ τₜ. The mask of a task is where |τₜ| ≥ λₜ |τ_MTL − τₜ|. ``tall_mask`` gives a task back its elements of the
sum; ``consensus`` keeps the elements of the sum that at least k tasks need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.methods.electing import weighted_sum
from taskvec.methods.method import Formula, Method
from taskvec.methods.options import Scaled
from taskvec.methods.parameter import count, number, task
from taskvec.methods.part import Doubles, Part

_MADE_BYTES = 40  # of a number: the vectors and their sum in float64, what they differ by, masks


@dataclass(frozen=True)
class TallMaskOptions(Scaled):
    """Options of ``tall_mask``.

    Attributes:
        threshold: λₜ of the masks.
        task: Whose elements are given back.
    """

    threshold: tuple[float, ...] = number(0.4, "λₜ of the masks, larger is sparser", per_vector=True, least=0)
    task: str | None = task("the task vector whose elements of the sum are given back; the first if not given")


@dataclass(frozen=True)
class ConsensusOptions(Scaled):
    """Options of ``consensus``.

    Attributes:
        threshold: λₜ of the masks.
        k: How many tasks must need an element.
    """

    threshold: tuple[float, ...] = number(0.4, "λₜ of the masks, larger is sparser", per_vector=True, least=0)
    k: int = count(2, "how many tasks must need an element", least=0)


def _masks(part: Part, total: Doubles, thresholds: tuple[float, ...]) -> NDArray[np.bool_]:
    rows = part.rows.astype(np.float64)
    masks: NDArray[np.bool_] = np.abs(rows) >= np.array(thresholds)[:, None] * np.abs(total - rows)
    return masks


def _sum(part: Part) -> Doubles:
    return weighted_sum(part.rows, np.ones(len(part.rows)), normalize=False)


def _tall(part: Part, options: TallMaskOptions) -> Doubles:
    total = _sum(part)
    chosen = 0 if options.task is None else part.names.index(options.task)
    return options.scaling * np.where(_masks(part, total, options.threshold)[chosen], total, 0.0)


def _consensus(part: Part, options: ConsensusOptions) -> Doubles:
    total = _sum(part)
    needed = _masks(part, total, options.threshold).sum(axis=0)
    return options.scaling * np.where(needed >= options.k, total, 0.0)


tall_mask = Method(
    "tall_mask",
    Formula(_tall, number_bytes=_MADE_BYTES),
    TallMaskOptions,
    "one task's elements of the sum of all",
    "mₜ = |τₜ| ≥ λₜ |Σ τ − τₜ|; τ = λ mₜ ⊙ Σ τ",
    "arXiv 2405.07813",
    "To see what a sum still holds of one task; with a mask a task, a sum nearly gives each fine-tune back.",
)

consensus = Method(
    "consensus",
    Formula(_consensus, number_bytes=_MADE_BYTES),
    ConsensusOptions,
    "the elements of the sum that several tasks need",
    "mₜ = |τₜ| ≥ λₜ |Σ τ − τₜ|; τ = λ [Σ mₜ ≥ k] ⊙ Σ τ",
    "arXiv 2405.07813",
    "Sums of many tasks: what matters to one alone, or to none, is taken away.",
)
