"""Where every task is cut when the whole model is trimmed as one vector: the same counts, added up over tensors.

Of equal magnitudes those of earlier tensors, in the base's order, are kept, and within a tensor those of lower index.
Three passes: the high bits, the low bits, and how many equal the threshold in every piece.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taskvec.merging.counts import Counts, select, tied_ends
from taskvec.merging.cuts import Cut, cut_at
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.magnitudes import CountingKernel, EqualKernel, HighKernel, LowKernel
from taskvec.numerics.trimming import LOW_BITS
from taskvec.streaming import MODEL, Job, PlannedPass, RunOptions, plan_pass, run


def plan_model_cuts(inputs: MergeInputs, options: RunOptions) -> tuple[PlannedPass, ...]:
    """Plan the passes of :func:`find_model_cuts`."""
    zeros = np.zeros(len(inputs.vectors), np.int64)
    kernels = (HighKernel(inputs), LowKernel(inputs, {}), EqualKernel(inputs, zeros, zeros))
    jobs = [_job(inputs, label, kernel) for label, kernel in zip(_LABELS, kernels, strict=True)]
    return tuple(plan_pass(job.label, job.tensors, job.kernel, options) for job in jobs)


def find_model_cuts(inputs: MergeInputs, kept: Counts, options: RunOptions) -> Mapping[str, Cut]:
    """Find where every task is cut in every tensor, so that given numbers of the whole model are above.

    Args:
        inputs: The task vectors.
        kept: How many of each task are kept, ``(T,)``.
        options: The limits.

    Returns:
        Tensor → cut.
    """
    combinable = inputs.alignment.combinable
    highs, ranks = _selected(inputs, _LABELS[0], HighKernel(inputs), kept, options)
    within = dict.fromkeys((tensor.name for tensor in combinable), highs)
    lows, ranks = _selected(inputs, _LABELS[1], LowKernel(inputs, within), ranks, options)
    equal = run(_job(inputs, _LABELS[2], EqualKernel(inputs, highs, lows)), options)
    cuts: dict[str, Cut] = {}
    for tensor in combinable:
        (pieces,) = equal[tensor.name]
        here = np.clip(ranks, 0, pieces.sum(axis=0))
        found = tied_ends((highs << LOW_BITS) | lows, here, pieces)
        above = np.where(here == 0, found[0] + 1, found[0])  # no equal one of this tensor is kept
        cuts[tensor.name] = cut_at(inputs, tensor, (above, found[1], np.where(here == 0, 0, found[2])))
        ranks -= here
    return cuts


_LABELS = ("count high bits of the model", "count low bits of the model", "count what equals the thresholds")


def _job(inputs: MergeInputs, label: str, kernel: CountingKernel) -> Job:
    tensors = inputs.alignment.tensors if isinstance(kernel, HighKernel) else inputs.alignment.combinable
    return Job(label, tensors, kernel)


def _selected(
    inputs: MergeInputs, label: str, kernel: CountingKernel, ranks: Counts, options: RunOptions
) -> tuple[Counts, Counts]:
    """Count bins over the model, and return that of each task's r-th largest magnitude, and which of that bin it is."""
    (counts,) = run(_job(inputs, label, kernel), options).get(MODEL, (np.zeros(0, np.int64),))
    keys = np.flatnonzero(counts)
    return select(keys, counts[keys], ranks, kernel.bins)
