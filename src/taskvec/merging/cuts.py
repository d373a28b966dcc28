"""What a merge that trims must know of a tensor before it can be computed at any place: where each task is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from taskvec.merging.copies import copy_job
from taskvec.merging.inputs import MergeInputs
from taskvec.merging.magnitudes import Counts, HighKernel, Kept, LowKernel
from taskvec.numerics.kernels import TILE
from taskvec.numerics.trimming import find_ends
from taskvec.streaming import AlignedTensor, Arrays, Job, Located, PlannedPass, RunOptions, plan_pass, run
from taskvec.streaming.units import BLOCK
from taskvec.vectors.task_vector import TaskVector

_AT_ONCE = 8  # vectors whose magnitudes are counted together
_SPAN_BYTES = 1 << 21  # raw bytes read at once from all sources together

Raw = NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """Where the tasks are cut in one tensor: kept are larger magnitudes, and equal ones at lower indices.

    Attributes:
        thresholds: The least kept magnitude of each task, as the bits of a float32, uint32 ``(T,)``.
        places: Where the piece of the tensor begins that the last kept one of equal magnitudes is in, int64 ``(T,)``.
        inside: How many equal ones of that piece are kept, int64 ``(T,)``; 0 where all of the tensor are.
        look: Looks for one past the last index at which a magnitude equal to the threshold is kept, int64 ``(T,)``.
    """

    thresholds: NDArray[np.uint32]
    places: Counts
    inside: Counts
    look: Callable[[], Counts]


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
    copies = _copies(inputs)
    planned = [plan_pass(copies.label, copies.tensors, copies.kernel, options)] if copies else []
    for group in _groups(inputs):
        high, low = HighKernel(group.inputs, _none), LowKernel(group.inputs, {})
        planned += [
            plan_pass(_label(group.inputs, "high"), group.tensors, high, options),
            plan_pass(_label(group.inputs, "low"), group.combinable, low, options),
        ]
    return tuple(planned)


def find_cuts(inputs: MergeInputs, kept: Kept, options: RunOptions) -> Mapping[str, Cut]:
    """Find where every task is cut in every tensor: one or two passes over the inputs.

    Args:
        inputs: The task vectors.
        kept: From a tensor to how many of each task are kept, ``(T,)``.
        options: The limits.

    Returns:
        Tensor → cut.
    """
    copies = _copies(inputs)
    if copies:
        run(copies, options)
    found = [_find(group, kept, options) for group in _groups(inputs)]
    return {tensor.name: _joined([cuts[tensor.name] for cuts in found]) for tensor in inputs.alignment.combinable}


@dataclass(frozen=True)
class _Group:
    """Some of the vectors, whose magnitudes are counted at once.

    Attributes:
        inputs: The vectors.
        first: The number of the first.
        tensors: What is read.
        combinable: What is counted.
    """

    inputs: MergeInputs
    first: int
    tensors: tuple[AlignedTensor, ...]
    combinable: tuple[AlignedTensor, ...]


def _groups(inputs: MergeInputs) -> Iterator[_Group]:
    """Yield the vectors, a few at a time: counts take half a MiB of each, and more at once are no faster."""
    combinable = inputs.alignment.combinable
    if len(inputs.vectors) <= _AT_ONCE:
        yield _Group(inputs, 0, inputs.alignment.tensors, combinable)
        return
    alike = [(name, TaskVector.from_terms(inputs.base, one.terms, inputs.allow)) for name, one in inputs.vectors]
    for first in range(0, len(alike), _AT_ONCE):
        some = MergeInputs(inputs.base, tuple(alike[first : first + _AT_ONCE]))
        own = tuple(some.tensor(tensor.name) for tensor in combinable)
        yield _Group(some, first, own, own)


def _copies(inputs: MergeInputs) -> Job | None:
    """Return the pass that compares what is only copied, where no count looks at all vectors."""
    return copy_job(inputs) if len(inputs.vectors) > _AT_ONCE else None


def _find(group: _Group, kept: Kept, options: RunOptions) -> Mapping[str, Cut]:
    inputs, size = group.inputs, len(group.inputs.vectors)

    def own(tensor: AlignedTensor) -> Counts:
        return kept(tensor)[group.first : group.first + size]

    found = run(Job(_label(inputs, "high"), group.tensors, HighKernel(inputs, own)), options)
    coarse = [tensor for tensor in group.combinable if len(found[tensor.name]) == 2]
    if coarse:
        found |= run(Job(_label(inputs, "low"), coarse, LowKernel(inputs, found)), options)

    return {tensor.name: cut_at(inputs, tensor, found[tensor.name]) for tensor in group.combinable}


def _joined(cuts: Sequence[Cut]) -> Cut:
    """Return the cuts of several groups of tasks as one."""
    thresholds, places, inside = (
        np.concatenate([getattr(cut, name) for cut in cuts]) for name in ("thresholds", "places", "inside")
    )
    return Cut(thresholds, places, inside, lambda: np.concatenate([cut.look() for cut in cuts]))


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
    """Return the cut that counts tell.

    Args:
        inputs: The task vectors.
        tensor: The tensor.
        low: From :func:`taskvec.merging.magnitudes.tied_ends`.

    Returns:
        The cut; where it ends is looked for when somebody asks.
    """
    thresholds, places, inside = low[0].astype(np.uint32), low[1], low[2]
    return Cut(thresholds, places, inside, partial(_ends, inputs, tensor, thresholds, places, inside))


def _ends(
    inputs: MergeInputs, tensor: AlignedTensor, thresholds: NDArray[np.uint32], places: Counts, inside: Counts
) -> Counts:
    """Find one past the last kept of equal magnitudes: a look at the pieces that hold one, of tasks that have it."""
    ends = np.full(len(places), tensor.num_params, np.int64)
    mixing = inputs.mixing(tensor)
    for place in np.unique(places[inside > 0]).tolist():
        tasks = np.flatnonzero((places == place) & (inside > 0))
        used = np.flatnonzero(mixing[tasks].any(axis=0))
        narrow = replace(tensor, sources=tuple(tensor.sources[s] for s in used.tolist()))
        own, waiting, found = np.ascontiguousarray(mixing[np.ix_(tasks, used)]), inside[tasks], ends[tasks]
        for span in spans(narrow, place, min(place + BLOCK, tensor.num_params)):
            find_ends(
                span.base, narrow.base_code, span.raw, narrow.codes, inputs.centered[used], span.count, own, span.first,
                thresholds[tasks], waiting, found,
            )  # fmt: skip
            if not waiting.any():
                break
        ends[tasks] = found
    return ends


def _read(located: Located, start: int, count: int, row: Raw) -> None:
    storage = located.info.dtype.storage
    located.checkpoint.read_into(located.info.name, start, row[: count * storage.itemsize].view(storage))
