"""The exact k-th largest magnitude of every task in every tensor, by radix selection in one or two streamed counts.

Magnitudes of float32 numbers are 31-bit integers. The first count is of their 16 high bits, which tells in which of
2¹⁶ bins the k-th largest lies and how many of that bin are kept; and how many of each bin are fine, having more below
those bits. Differences of half-precision numbers rarely are: where more of the bin are kept than are fine, the bin is
the threshold. Only elsewhere does a second count, of the 15 low bits within the bin, follow. No value is sorted, and
none is kept. A piece's counts are handed on sparse, because small tensors are many; of a large tensor only the sum is
kept, and of each piece what lies near the threshold as the pieces so far have it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import AlignmentError, NonFiniteError
from taskvec.merging.inputs import MergeInputs
from taskvec.numerics.kernels import TILE
from taskvec.numerics.trimming import (
    HIGH_BINS,
    LOW_BINS,
    LOW_BITS,
    NON_FINITE,
    count_high,
    count_low,
    join,
    occurring,
    warm_up,
)
from taskvec.streaming import AlignedTensor, Arrays, Chunk, Kernel, Notes
from taskvec.streaming.units import BLOCK
from taskvec.vectors.alignment import Rule, describe_changed_copy

Counts = NDArray[np.int64]
Kept = Callable[[AlignedTensor], Counts]
Highs = Mapping[str, Arrays]
"""Tensor → the bin of each task's k-th largest magnitude, and which of that bin it is; each int64 ``(T,)``."""

_KEYS_APART = 1 << 19  # of the pieces of a tensor; beyond that they are added up
_NEAR = 64  # bins on either side: a quarter of an octave
_FINE_SHIFT = 32  # above it is the count of those whose low bits are not zero
_NO_KEYS, _NO_COUNTS = np.zeros(0, np.int64), np.zeros((2, 0), np.int64)


class State(NamedTuple):
    """The counts of one piece, and how its tensor is mixed."""

    tensor: AlignedTensor
    mixing: NDArray[np.float32]
    counts: NDArray[np.uint64]


class CountingKernel(Kernel):
    """Counts bins of magnitudes; a piece's result is the sorted keys ``task · bins + bin`` and their counts."""

    notes = Notes.TENSORS
    bins: int

    def __init__(self, inputs: MergeInputs) -> None:
        self.inputs = inputs

    def warm_up(self) -> None:
        """Load the kernels."""
        warm_up()

    def begin(self, tensor: AlignedTensor) -> State | None:
        """Open the counts of a piece."""
        if not tensor.is_combinable:
            return None
        counts = np.zeros((len(self.inputs.vectors), self.bins), np.uint64)
        return State(tensor, self.inputs.mixing(tensor), counts)

    def process(self, chunk: Chunk, state: State | None) -> None:
        """Count one chunk, or check that what is only copied is the base's."""
        if state is None:
            self._check_copy(chunk)
        else:
            self.count(chunk, state)

    @abstractmethod
    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""

    def finish(self, state: State | None) -> Arrays:
        """Return the keys that occurred, and how often."""
        if state is None:
            return ()
        most = min(state.counts.size, len(self.inputs.vectors) * BLOCK)
        keys, counts = np.empty(most, np.int64), np.empty(most, np.int64)
        size = occurring(state.counts.reshape(-1), keys, counts)
        return keys[:size].copy(), counts[:size].copy()

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of a piece's counts, sparse too; and of two tiles a source."""
        return len(self.inputs.vectors) * self.bins * 24 + num_sources * 8 * TILE

    def held_bytes(self) -> int:
        """Return the bytes of a tensor's counts: added up, before and after a piece, and of its pieces."""
        return len(self.inputs.vectors) * self.bins * 48 + 16 * _KEYS_APART

    def parameters(self) -> bytes:
        """Return what is counted."""
        return self.inputs.identity.encode()

    def _check_copy(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        size = chunk.count * tensor.located[0].info.dtype.itemsize
        for located, row in zip(tensor.sources, chunk.raw, strict=True):
            if Rule.INTEGERS not in self.inputs.allow and not np.array_equal(row[:size], chunk.base[:size]):
                raise AlignmentError(describe_changed_copy(located, tensor.name))


class HighKernel(CountingKernel):
    """The first count: which bin of 16 high bits the k-th largest magnitude is in.

    Attributes:
        kept: From a tensor to k of each task, ``(T,)``; 0 finds nothing of use.
    """

    bins = HIGH_BINS

    def __init__(self, inputs: MergeInputs, kept: Kept) -> None:
        super().__init__(inputs)
        self.kept = kept

    def parameters(self) -> bytes:
        """Return what is counted, and how many are kept."""
        kept = [self.kept(tensor).tobytes() for tensor in self.inputs.alignment.combinable]
        return b"\0".join([super().parameters(), *kept])

    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""
        tensor = state.tensor
        count_high(
            chunk.base, tensor.base_code, chunk.raw, tensor.codes, self.inputs.centered, chunk.count, state.mixing,
            state.counts.view(np.uint32),
        )  # fmt: skip

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:
        """Add the counts of a piece to those of the tensor, and keep its own: if they become many, near the threshold.

        Returns:
            Of the tensor the keys, all their counts and those that are fine ``(2, n)``, and the keys near which the
            thresholds should be, none while all are kept; then of each piece the keys and their counts.
        """
        keys, counts, near, *pieces = total or (_NO_KEYS, _NO_COUNTS, _NO_KEYS)
        keys, counts = joined(keys, counts, *_apart(*part))
        pieces += self._close(near, *part)
        if not near.size and sum(own.size for own in pieces[::2]) > _KEYS_APART:
            near = self._near(tensor, keys, counts[0])
            pieces = [array for piece in _pairs(pieces) for array in self._close(near, *piece)]
        return (keys, counts, near, *pieces)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        """Return the thresholds where they are known, else what the second count needs.

        Args:
            tensor: The tensor.
            total: Its counts.

        Returns:
            As :func:`tied_ends`, or bins and ranks, each int64 ``(T,)``.

        Raises:
            NonFiniteError: If a task's vector holds infinity or NaN.
        """
        keys, (counts, fine), _, *pieces = total
        self.check_finite(tensor, keys)
        bins, ranks = select(keys, counts, self.kept(tensor), self.bins)
        wanted = np.arange(len(bins)) * self.bins + bins
        larger = _at(keys, fine, wanted)
        equal = np.array([_at(own, _coarse(packed) - _fine(packed), wanted) for own, packed in _pairs(pieces)])
        is_known = (ranks > larger) & (equal.sum(axis=0) == _at(keys, counts, wanted) - larger)
        if not (is_known | (ranks == 0)).all():
            return bins, ranks
        return tied_ends(bins << LOW_BITS, ranks - larger, equal)

    def _near(self, tensor: AlignedTensor, keys: Counts, counts: Counts) -> Counts:
        """Return the keys at which tasks would be cut if the rest of a tensor were like its pieces so far, ``(T,)``."""
        seen = int(counts[: np.searchsorted(keys, self.bins)].sum())
        bins, _ = select(keys, counts, -(-self.kept(tensor) * seen // tensor.num_params), self.bins)
        near: Counts = np.arange(len(bins)) * self.bins + bins
        return near

    def _close(self, near: Counts, keys: Counts, packed: Counts) -> Arrays:
        """Return the counts of a piece at keys that are close to those of their tasks; all if there are none."""
        if not near.size:
            return keys, packed
        is_close = np.abs(keys - near[keys // self.bins]) <= _NEAR
        return keys[is_close], packed[is_close]

    def check_finite(self, tensor: AlignedTensor, keys: Counts) -> None:
        """Refuse counts of what is not finite.

        Args:
            tensor: The tensor.
            keys: What occurred in it.

        Raises:
            NonFiniteError: If a task's vector holds infinity or NaN.
        """
        broken = keys[keys % self.bins >= NON_FINITE]
        if broken.size:
            raise NonFiniteError(
                f"tensor {tensor.name} of {self.inputs.names[broken[0] // self.bins]} (or of its base) holds NaN or "
                "infinity, and a merge takes finite numbers alone: fetch or save the checkpoint again"
            )


class LowKernel(CountingKernel):
    """The second count: the 15 low bits of the k-th largest magnitude, and in which piece the last kept equal one is.

    Attributes:
        highs: What the first count found.
    """

    bins = LOW_BINS

    def __init__(self, inputs: MergeInputs, highs: Highs) -> None:
        super().__init__(inputs)
        self.highs = highs

    def parameters(self) -> bytes:
        """Return what is counted, and within which bins."""
        return b"\0".join([super().parameters(), *(array.tobytes() for part in self.highs.values() for array in part)])

    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""
        tensor = state.tensor
        count_low(
            chunk.base, tensor.base_code, chunk.raw, tensor.codes, self.inputs.centered, chunk.count, state.mixing,
            self.highs[tensor.name][0].astype(np.uint32), state.counts,
        )  # fmt: skip

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Keep the counts of every piece: which of them hold the threshold is known at the end."""
        return (*total, *part)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        """Return the thresholds, as :func:`tied_ends` does.

        Args:
            tensor: The tensor.
            total: Keys and counts of its pieces, in order.

        Returns:
            Each int64 ``(T,)``.
        """
        keys, counts = _NO_KEYS, _NO_COUNTS
        for piece in _pairs(total):
            keys, counts = joined(keys, counts, *_apart(*piece))
        highs, ranks = self.highs[tensor.name]
        lows, ranks = select(keys, counts[0], ranks, self.bins)
        wanted = np.arange(len(lows)) * self.bins + lows
        equal = [_at(*piece, wanted) for piece in _pairs(total)]
        return tied_ends((highs << LOW_BITS) | lows, ranks, np.array(equal))


def tied_ends(thresholds: Counts, ranks: Counts, equal: Counts) -> Arrays:
    """Return where the last kept one of the magnitudes equal to the threshold is to be looked for.

    Args:
        thresholds: The k-th largest magnitude of each task, ``(T,)``.
        ranks: How many equal ones are kept, ``(T,)``.
        equal: How many there are in each piece of the tensor, ``(pieces, T)``.

    Returns:
        Each int64 ``(T,)``: thresholds; the first index of the piece to look in; how many equal ones of that piece are
        kept, 0 where every equal one of the tensor is.
    """
    before = np.cumsum(equal, axis=0)
    pieces = np.argmax(before >= ranks, axis=0)
    inside = ranks - (before - equal)[pieces, np.arange(len(ranks))]
    is_tied = (before[-1] > ranks) & (thresholds > 0)  # a zero is the same whether it is kept or not
    return thresholds, pieces * BLOCK, np.where(is_tied, inside, 0)


@dataclass(frozen=True)
class _Bins:
    """The sorted keys of one task, and their counts."""

    keys: Counts
    counts: Counts

    def largest(self, wanted: int) -> tuple[int, int]:
        """Return the bin of the ``wanted``-th largest, and which of that bin it is, counted from 1."""
        if not wanted:
            return 0, 0
        from_above = np.cumsum(self.counts[::-1])
        place = int(np.searchsorted(from_above, wanted))
        own = self.counts.size - 1 - place
        return int(self.keys[own]), wanted - int(from_above[place] - self.counts[own])


def select(keys: Counts, counts: Counts, ranks: Counts, bins: int) -> tuple[Counts, Counts]:
    """Return for each task the bin of its r-th largest element, and which of that bin it is.

    Args:
        keys: ``task · bins + bin``, sorted.
        counts: How often each occurs.
        ranks: r of each task, ``(T,)``; at most what the task has.
        bins: Bins of a task.

    Returns:
        Bins and ranks within them, each ``(T,)``.
    """
    edges = np.searchsorted(keys, np.arange(len(ranks) + 1) * bins)
    found = [
        _Bins(keys[start:stop] - t * bins, counts[start:stop]).largest(int(ranks[t]))
        for t, (start, stop) in enumerate(pairwise(edges))
    ]
    chosen = np.array(found, np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]


def _pairs(arrays: Sequence[Counts]) -> Iterator[tuple[Counts, Counts]]:
    return zip(arrays[::2], arrays[1::2], strict=True)


def _coarse(packed: Counts) -> Counts:
    return packed & ((1 << _FINE_SHIFT) - 1)


def _fine(packed: Counts) -> Counts:
    return packed >> _FINE_SHIFT


def _apart(keys: Counts, packed: Counts) -> tuple[Counts, Counts]:
    """Return the keys of a piece, and the counts of all and of those that are fine, ``(2, n)``."""
    return keys, np.stack([_coarse(packed), _fine(packed)])


def joined(keys: Counts, counts: Counts, more_keys: Counts, more_counts: Counts) -> tuple[Counts, Counts]:
    """Return two sorted lists of keys as one, the counts of those in both, ``(2, n)``, added up."""
    if not keys.size:
        return more_keys, more_counts
    most = keys.size + more_keys.size
    all_keys, all_counts = np.empty(most, np.int64), np.empty((2, most), np.int64)
    size = join(keys, counts, more_keys, more_counts, all_keys, all_counts)
    return all_keys[:size].copy(), all_counts[:, :size].copy()


def _at(keys: Counts, counts: Counts, wanted: Counts) -> Counts:
    """Return the counts of the wanted keys, 0 where one does not occur."""
    if not keys.size:
        return np.zeros_like(wanted)
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, counts[places], 0)
