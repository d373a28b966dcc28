"""FedGMA: elements whose signs agree are added up whole, others as far as they agree (arXiv 2201.11986)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.electing import weighted_sum
from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles, Part
from taskvec.methods.rule import Formula
from taskvec.parameter import number


@dataclass(frozen=True)
class FedgmaOptions(Scaled):
    """Options of ``fedgma``."""

    rho: float = number(0.8, "ρ, from which agreement on an element counts whole", least=0, most=1)


def _merge(part: Part, options: FedgmaOptions) -> Doubles:
    agreement = np.abs(weighted_sum(np.sign(part.rows), np.ones(len(part.rows)), normalize=True))
    mask = np.where(agreement >= options.rho, 1.0, agreement)
    total = weighted_sum(part.rows, np.ones(len(part.rows)), normalize=False)
    merged: Doubles = options.scaling * mask * total
    return merged


fedgma = Method(
    "fedgma",
    Formula(_merge),
    FedgmaOptions,
    "the sum, damped where signs disagree",
    "A = |mean sgn τₜ|; m = 1 where A ≥ ρ, else A; τ = λ m ⊙ Σ τₜ",
    "arXiv 2411.18607; from arXiv 2201.11986; the default ρ is ours",
    "Signs conflict, and a vote as sharp as that of TIES loses too much.",
)
