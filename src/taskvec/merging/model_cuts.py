"""Where every task is cut when the whole model is trimmed as one vector: the same counts, added up over tensors.

Of equal magnitudes those of earlier tensors, in the base's order, are kept, and within a tensor those of lower index.
Three passes: the high bits, the low bits, and how many equal the threshold in every piece.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taskvec.merging.cuts import Cut, cut_at
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.magnitudes import Counts, HighKernel, LowKernel, State, select, tied_ends
from taskvec.numerics.trimming import LOW_BITS
from taskvec.streaming import AlignedTensor, Arrays, Job, Notes, PlannedPass, RunOptions, plan_pass, run


class _ModelHigh(HighKernel):
    """Counts high bits over the model."""

    notes = Notes.NOTHING

    def __init__(self, inputs: MergeInputs) -> None:
        super().__init__(inputs, lambda _: np.zeros(len(inputs.vectors), np.int64))
        self.counts = np.zeros(len(inputs.vectors) * self.bins, np.int64)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        """Add the counts of a tensor to those of the model."""
        keys, (counts, _) = total[:2]
        self.check_finite(tensor, keys)
        self.counts[keys] += counts
        return ()


class _ModelLow(LowKernel):
    """Counts low bits over the model, of magnitudes with given high bits."""

    notes = Notes.NOTHING

    def __init__(self, inputs: MergeInputs, highs: Counts) -> None:
        super().__init__(inputs, dict.fromkeys((tensor.name for tensor in inputs.alignment.combinable), (highs,)))
        self.counts = np.zeros(len(inputs.vectors) * self.bins, np.int64)

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Add the counts of a piece to those of the model."""
        keys, counts = part
        self.counts[keys] += counts
        return ()

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:  # noqa: ARG002
        """Return nothing: all was added up."""
        return ()


class _Equal(LowKernel):
    """Counts what equals the thresholds in every piece."""

    def __init__(self, inputs: MergeInputs, highs: Counts, lows: Counts) -> None:
        super().__init__(inputs, dict.fromkeys((tensor.name for tensor in inputs.alignment.combinable), (highs,)))
        self.lows = lows

    def parameters(self) -> bytes:
        """Return what is counted, and which thresholds."""
        return super().parameters() + self.lows.tobytes()

    def finish(self, state: State | None) -> Arrays:
        """Return how many of a piece equal each threshold, ``(1, T)``."""
        if state is None:
            return ()
        return (state.counts[np.arange(len(self.lows)), self.lows].astype(np.int64)[None],)

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Keep the pieces apart, ``(pieces, T)``."""
        return (np.concatenate([*total, *part]),)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:  # noqa: ARG002
        """Return them."""
        return total


def plan_model_cuts(inputs: MergeInputs, options: RunOptions) -> tuple[PlannedPass, ...]:
    """Plan the passes of :func:`find_model_cuts`."""
    zeros = np.zeros(len(inputs.vectors), np.int64)
    kernels: tuple[HighKernel | LowKernel, ...] = (
        _ModelHigh(inputs),
        _ModelLow(inputs, zeros),
        _Equal(inputs, zeros, zeros),
    )
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
    first = _ModelHigh(inputs)
    run(_job(inputs, _LABELS[0], first), options)
    highs, ranks = select(*_sparse(first.counts), kept, first.bins)
    second = _ModelLow(inputs, highs)
    run(_job(inputs, _LABELS[1], second), options)
    lows, ranks = select(*_sparse(second.counts), ranks, second.bins)
    equal = run(_job(inputs, _LABELS[2], _Equal(inputs, highs, lows)), options)
    cuts: dict[str, Cut] = {}
    for tensor in inputs.alignment.combinable:
        (pieces,) = equal[tensor.name]
        here = np.clip(ranks, 0, pieces.sum(axis=0))
        found = tied_ends((highs << LOW_BITS) | lows, here, pieces)
        above = np.where(here == 0, found[0] + 1, found[0])  # no equal one of this tensor is kept
        cuts[tensor.name] = cut_at(inputs, tensor, (above, found[1], np.where(here == 0, 0, found[2])))
        ranks -= here
    return cuts


_LABELS = ("count high bits of the model", "count low bits of the model", "count what equals the thresholds")


def _job(inputs: MergeInputs, label: str, kernel: HighKernel | LowKernel) -> Job:
    tensors = inputs.alignment.tensors if isinstance(kernel, HighKernel) else inputs.alignment.combinable
    return Job(label, tensors, kernel)


def _sparse(counts: Counts) -> tuple[Counts, Counts]:
    keys = np.flatnonzero(counts)
    return keys, counts[keys]
