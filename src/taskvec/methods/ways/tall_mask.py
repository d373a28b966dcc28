"""TALL masks (arXiv 2405.07813): a task's own elements of the sum of all, given back to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.tall_masks import MADE_BYTES, TallOptions, masks_of, sum_of
from taskvec.methods.method import Method
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import task


@dataclass(frozen=True)
class TallMaskOptions(TallOptions):
    """Options of ``tall_mask``."""

    task: str | None = task("the task vector whose elements of the sum are given back; the first if not given")


def _merge(part: Part, options: TallMaskOptions) -> Doubles:
    total = sum_of(part)
    chosen = 0 if options.task is None else part.names.index(options.task)
    return options.scaling * np.where(masks_of(part, total, options.threshold)[chosen], total, 0.0)


tall_mask = Method(
    "tall_mask",
    Formula(_merge, number_bytes=MADE_BYTES),
    TallMaskOptions,
    "one task's elements of the sum of all",
    "mₜ = |τₜ| ≥ λₜ |Σ τ − τₜ|; τ = λ mₜ ⊙ Σ τ",
    "arXiv 2405.07813",
    "To see what a sum still holds of one task; with a mask a task, a sum nearly gives each fine-tune back.",
)
