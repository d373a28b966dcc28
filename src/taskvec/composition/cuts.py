"""What a merge that trims must know of a tensor before it can be computed at any place: where each task is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.composition.inputs import MergeInputs
from taskvec.composition.magnitudes import Counts, HighKernel, Kept, LowKernel
from taskvec.numerics.kernels import TILE
from taskvec.numerics.trimming import find_ends
from taskvec.streaming import AlignedTensor, Arrays, Job, Located, PlannedPass, RunOptions, plan_pass, run
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.units import BLOCK

_SPAN_BYTES = 1 << 21  # raw bytes read at once from all sources together

Raw = NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """Where the tasks are cut in one tensor: kept are larger magnitudes, and equal ones at lower indices.

    Attributes:
        thresholds: The least kept magnitude of each task, as the bits of a float32, uint32 ``(T,)``.
        ends: One past the last index at which a magnitude equal to the threshold is kept, int64 ``(T,)``.
    """

    thresholds: NDArray[np.uint32]
    ends: NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """Raw elements of one tensor from all its inputs.

    Attributes:
        first: Index of the first element.
        count: Number of elements.
        base: Raw bytes of the base.
        raw: Raw bytes of the sources, ``(S, W)``.
    """

    first: int
    count: int
    base: Raw
    raw: Raw


def plan_cuts(inputs: MergeInputs, options: RunOptions) -> tuple[PlannedPass, ...]:
    """Plan the passes of :func:`find_cuts`; the second is needed only where numbers have more than half precision."""
    high, low = HighKernel(inputs, _none), LowKernel(inputs, {})
    return (
        plan_pass(_label(inputs, "high"), inputs.alignment.tensors, high, options),
        plan_pass(_label(inputs, "low"), inputs.alignment.combinable, low, options),
    )


def find_cuts(inputs: MergeInputs, kept: Kept, options: RunOptions, *, splits_ties: bool = True) -> Mapping[str, Cut]:
    """Find where every task is cut in every tensor: one or two passes over the inputs, and a look at pieces for ties.

    Args:
        inputs: The task vectors.
        kept: From a tensor to how many of each task are kept, ``(T,)``.
        options: The limits.
        splits_ties: Whether of magnitudes equal to a threshold only so many are kept; else all are, and no piece is
            looked at.

    Returns:
        Tensor → cut.
    """
    tensors = inputs.alignment.combinable
    found = run(Job(_label(inputs, "high"), inputs.alignment.tensors, HighKernel(inputs, kept)), options)
    coarse = [tensor for tensor in tensors if len(found[tensor.name]) == 2]
    if coarse:
        found |= run(Job(_label(inputs, "low"), coarse, LowKernel(inputs, found)), options)

    def cut(tensor: AlignedTensor) -> Cut:
        thresholds, places, inside = found[tensor.name]
        return cut_at(inputs, tensor, (thresholds, places, inside if splits_ties else np.zeros_like(inside)))

    cuts = EXECUTORS[options.executor].run(cut, tensors, options.workers)
    return {tensor.name: one for tensor, one in zip(tensors, cuts, strict=True)}


def spans(tensor: AlignedTensor, first: int, stop: int) -> Iterator[Span]:
    """Yield elements ``first … stop`` of a tensor, as many at once as fit in a small buffer, which is reused."""
    width = sum(located.info.dtype.itemsize for located in tensor.located)
    step = max(_SPAN_BYTES // width // TILE, 1) * TILE
    longest = min(step, stop - first)
    base = np.empty(longest * tensor.max_itemsize, np.uint8)
    raw = np.empty((len(tensor.sources), base.size), np.uint8)
    for start in range(first, stop, step):
        count = min(step, stop - start)
        for located, row in zip(tensor.located, [base, *raw] if tensor.base else [*raw], strict=True):
            _read(located, start, count, row)
        yield Span(start, count, base, raw)


def _none(tensor: AlignedTensor) -> Counts:  # noqa: ARG001
    return np.zeros(0, np.int64)


def _label(inputs: MergeInputs, bits: str) -> str:
    return f"count {bits} bits of {len(inputs.vectors)} vectors"


def cut_at(inputs: MergeInputs, tensor: AlignedTensor, low: Arrays) -> Cut:
    """Find one past the last kept of equal magnitudes: a look at the pieces that hold one.

    Args:
        inputs: The task vectors.
        tensor: The tensor.
        low: From :func:`taskvec.composition.magnitudes.tied_ends`.

    Returns:
        The cut.
    """
    thresholds, places, inside = low[0].astype(np.uint32), low[1], low[2]
    ends = np.full(len(places), tensor.num_params, np.int64)
    mixing = inputs.mixing(tensor)
    for place in np.unique(places[inside > 0]).tolist():
        waiting = np.where(places == place, inside, 0)
        for span in spans(tensor, place, min(place + BLOCK, tensor.num_params)):
            find_ends(
                span.base, tensor.base_code, span.raw, tensor.codes, inputs.centered, span.count, mixing, span.first,
                thresholds, waiting, ends,
            )  # fmt: skip
            if not waiting.any():
                break
    return Cut(thresholds, ends)


def _read(located: Located, start: int, count: int, row: Raw) -> None:
    storage = located.info.dtype.storage
    located.checkpoint.read_into(located.info.name, start, row[: count * storage.itemsize].view(storage))
