"""Consensus merging (arXiv 2405.07813): the elements of the sum that the masks of at least k tasks keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.tall_masks import MADE_BYTES, TallOptions, masks_of, sum_of
from taskvec.methods.method import Method
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import count


@dataclass(frozen=True)
class ConsensusOptions(TallOptions):
    """Options of ``consensus``."""

    k: int = count(2, "how many tasks must need an element", least=0)


def _merge(part: Part, options: ConsensusOptions) -> Doubles:
    total = sum_of(part)
    needed = masks_of(part, total, options.threshold).sum(axis=0)
    return options.scaling * np.where(needed >= options.k, total, 0.0)


consensus = Method(
    "consensus",
    Formula(_merge, number_bytes=MADE_BYTES),
    ConsensusOptions,
    "the elements of the sum that several tasks need",
    "mₜ = |τₜ| ≥ λₜ |Σ τ − τₜ|; τ = λ [Σ mₜ ≥ k] ⊙ Σ τ",
    "arXiv 2405.07813",
    "Sums of many tasks: what matters to one alone, or to none, is taken away.",
)
