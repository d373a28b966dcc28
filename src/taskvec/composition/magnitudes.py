"""The exact k-th largest magnitude of every task in every tensor, by radix selection in one or two streamed counts.

Magnitudes of float32 numbers are 31-bit integers. The first count is of their 16 high bits, which tells in which of
2¹⁶ bins the k-th largest lies and how many of that bin are kept; and how many of each bin are fine, having more below
those bits. Differences of half-precision numbers rarely are: where more of the bin are kept than are fine, the bin is
the threshold. Only elsewhere does a second count, of the 15 low bits within the bin, follow. No value is sorted, and
none is kept. A piece's counts are handed on sparse, because small tensors are many.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskvec.composition.inputs import MergeInputs
from taskvec.errors import AlignmentError, NonFiniteError
from taskvec.numerics.trimming import (
    HIGH_BINS,
    LOW_BINS,
    LOW_BITS,
    NON_FINITE,
    count_high,
    count_low,
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

_KEYS_APART = 1 << 20  # of the pieces of a tensor; beyond that they are added up
_FINE_SHIFT = 32  # above it is the count of those whose low bits are not zero


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
        keys, counts = np.empty(most, np.int64), np.empty(most, np.uint64)
        size = occurring(state.counts.reshape(-1), keys, counts)
        return keys[:size].copy(), counts[:size].astype(np.int64)

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of a piece's counts, sparse too, and of their sum over a tensor; and of a tile a source."""
        return len(self.inputs.vectors) * self.bins * 32 + 16 * _KEYS_APART + num_sources * (1 << 15)

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
            state.counts,
        )  # fmt: skip

    def fold(self, total: Arrays, part: Arrays) -> Arrays:
        """Keep the counts of every piece while they are few, else add them up densely."""
        if len(total) == 1:
            self._add(total[0], *part)
            return total
        pieces = (*total, *part)
        if sum(keys.size for keys in pieces[::2]) <= _KEYS_APART:
            return pieces
        dense = np.zeros((2, len(self.inputs.vectors) * self.bins), np.int64)
        for piece in _pairs(pieces):
            self._add(dense, *piece)
        return (dense,)

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
        keys, counts, fine = counted(total)
        self.check_finite(tensor, keys)
        bins, ranks = select(keys, counts, self.kept(tensor), self.bins)
        wanted = np.arange(len(bins)) * self.bins + bins
        larger = _at(keys, fine, wanted)
        if len(total) == 1 or ((ranks <= larger) & (ranks > 0)).any():
            return bins, ranks
        equal = [_at(piece, _coarse(packed) - _fine(packed), wanted) for piece, packed in _pairs(total)]
        return tied_ends(bins << LOW_BITS, ranks - larger, np.array(equal))

    def _add(self, dense: Counts, keys: Counts, packed: Counts) -> None:
        dense[0, keys] += _coarse(packed)
        dense[1, keys] += _fine(packed)

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

    def fold(self, total: Arrays, part: Arrays) -> Arrays:
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
        keys, counts, _ = _joined(total)
        highs, ranks = self.highs[tensor.name]
        lows, ranks = select(keys, counts, ranks, self.bins)
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


def counted(total: Arrays) -> tuple[Counts, Counts, Counts]:
    """Return what a first count of a tensor found: keys, counts, and counts of those whose low bits are not zero."""
    return _dense_keys(total[0]) if len(total) == 1 else _joined(total)


def _pairs(arrays: Arrays) -> Iterator[tuple[Counts, Counts]]:
    return zip(arrays[::2], arrays[1::2], strict=True)


def _coarse(packed: Counts) -> Counts:
    return packed & ((1 << _FINE_SHIFT) - 1)


def _fine(packed: Counts) -> Counts:
    return packed >> _FINE_SHIFT


def _joined(pieces: Arrays) -> tuple[Counts, Counts, Counts]:
    """Add the packed counts of some pieces up: keys, counts, and counts of those whose low bits are not zero."""
    packed = np.concatenate(pieces[1::2])
    keys, inverse = np.unique(np.concatenate(pieces[::2]), return_inverse=True)
    counts, fine = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    np.add.at(counts, inverse, _coarse(packed))
    np.add.at(fine, inverse, _fine(packed))
    return keys, counts, fine


def _dense_keys(dense: Counts) -> tuple[Counts, Counts, Counts]:
    keys = np.flatnonzero(dense[0])
    return keys, dense[0, keys], dense[1, keys]


def _at(keys: Counts, counts: Counts, wanted: Counts) -> Counts:
    """Return the counts of the wanted keys, 0 where one does not occur."""
    if not keys.size:
        return np.zeros_like(wanted)
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, counts[places], 0)
