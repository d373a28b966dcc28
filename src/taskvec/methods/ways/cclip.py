"""CCLIP: task vectors clipped to one norm before they are added (centred clipping, as in arXiv 2411.18607)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taskvec.methods.families.sphere import norms_of
from taskvec.methods.method import Method
from taskvec.methods.options import Scaled
from taskvec.methods.part import Doubles
from taskvec.methods.rule import Combination
from taskvec.methods.statistic import whole_model
from taskvec.parameter import number


@dataclass(frozen=True)
class CclipOptions(Scaled):
    """Options of ``cclip``."""

    rho: float | None = number(None, "ρ, the longest that a task vector may be; the median norm if not given", above=0)


def _coefficients(gram: Doubles, options: CclipOptions) -> Doubles:
    norms = norms_of(gram)
    longest = float(np.median(norms)) if options.rho is None else options.rho
    coefficients: Doubles = options.scaling * np.minimum(1.0, longest / np.where(norms > 0, norms, np.inf))
    return np.where(norms > 0, coefficients, 0.0)


cclip = Method(
    "cclip",
    Combination(_coefficients, gram=whole_model),
    CclipOptions,
    "long task vectors clipped, then added up",
    "τ = λ Σ τₜ min(1, ρ/‖τₜ‖), norms over the whole model",
    "arXiv 2411.18607; clipping from arXiv 2012.10333; the default ρ is ours",
    "Task vectors of very different lengths, of which the longest would drown the others.",
)
