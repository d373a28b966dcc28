"""EMR-Merging (arXiv 2405.17461): elect one vector, mask and rescale it for each task.

γ = sgn Σ τₜ; the elected vector has sign γ and the largest |τₜ| that has this sign. Alone it is a merge of all; with
``task`` it is masked where the task's sign is another and rescaled to the task's Σ|τₜ|, over the whole model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Array, Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.methods.statistic import Sums, whole_model
from taskvec.parameter import task


@dataclass(frozen=True)
class EmrOptions(Scaled):
    """Options of ``emr``."""

    task: str | None = task("the task for which the elected vector is masked and rescaled; none if not given")


def _elected(part: Part) -> Doubles:
    sign = np.sign(weighted_sum(part.rows, np.ones(len(part.rows)), normalize=False))
    largest: Doubles = np.max(part.rows * sign, axis=0, initial=0.0)
    return sign * largest


def _masked(part: Part, options: EmrOptions) -> tuple[Array, Doubles]:
    """Return the task's own vector, and the elected one where the signs are the same."""
    own, elected = part.rows[part.names.index(str(options.task))], _elected(part)
    return own, np.where(own * elected > 0, elected, 0.0)


def _terms(part: Part, options: EmrOptions) -> Doubles:
    terms: Doubles = np.abs(np.stack(_masked(part, options)), dtype=np.float64)
    return terms


def _merge(part: Part[tuple[Doubles]], options: EmrOptions) -> Doubles:
    if options.task is None:
        return options.scaling * _elected(part)
    own, masked = part.found[0]
    rescaler = own / masked if masked > 0 else 0.0
    return options.scaling * rescaler * _masked(part, options)[1]


emr = Method(
    "emr",
    Formula(_merge, statistics=(Sums(_terms, scope=whole_model, wanted=lambda options: options.task is not None),)),
    EmrOptions,
    "one elected vector; for a task masked and rescaled",
    "γ = sgn Σ τₜ; τ_uni = γ max {|τₜ| : sgn τₜ = γ}; of task t: λₜ [τₜ τ_uni > 0] ⊙ τ_uni, λₜ = Σ|τₜ| / Σ|mₜ τ_uni|",
    "arXiv 2405.17461",
    "Many tasks served from one vector and a mask a task, without tuning.",
)
