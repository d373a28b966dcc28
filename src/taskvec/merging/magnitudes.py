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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import AlignmentError, NonFiniteError
from taskvec.merging.counts import (
    Counts,
    apart,
    coarse,
    compact,
    counts_at,
    fine_ones,
    joined,
    pairs,
    select,
    tied_ends,
)
from taskvec.merging.inputs import MergeInputs
from taskvec.numerics.kernels import TILE
from taskvec.numerics.trimming import (
    HIGH_BINS,
    LOW_BINS,
    LOW_BITS,
    NON_FINITE,
    count_high,
    count_low,
    occurring,
)
from taskvec.streaming import AlignedTensor, Arrays, Chunk, ChunkKernel, Notes
from taskvec.streaming.units import BLOCK
from taskvec.vectors.alignment import Rule, describe_changed_copy

Kept = Mapping[str, Counts]
"""Tensor → how many of each task are kept, ``(T,)``."""

_KEYS_APART = 1 << 19  # of the pieces of a tensor; beyond that they are added up
_NEAR = 64  # bins on either side: a quarter of an octave
_NO_KEYS, _NO_COUNTS = np.zeros(0, np.int64), np.zeros((2, 0), np.int64)


class State(NamedTuple):
    """The counts of one piece, and how its tensor is mixed."""

    tensor: AlignedTensor
    mixing: NDArray[np.float32]
    counts: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class CountingKernel(ChunkKernel):
    """Counts bins of magnitudes; a piece's result is the sorted keys ``task · bins + bin`` and their counts.

    Attributes:
        inputs: The task vectors.
    """

    calls: ClassVar[tuple[str, ...]] = ("trimming",)
    notes: ClassVar[Notes] = Notes.TENSORS
    bins: ClassVar[int]
    inputs: MergeInputs

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

    def _added(self, model: Arrays, own: Arrays) -> Arrays:
        """Return the counts of every key over the tensors so far, ``(T · bins,)``."""
        (total,) = model or (np.zeros(len(self.inputs.vectors) * self.bins, np.int64),)
        keys, counts = own
        total[keys] += counts
        return (total,)

    def _check_copy(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        size = chunk.count * tensor.located[0].info.dtype.itemsize
        for located, row in zip(tensor.sources, chunk.raw, strict=True):
            if Rule.INTEGERS not in self.inputs.allow and not np.array_equal(row[:size], chunk.base[:size]):
                raise AlignmentError(describe_changed_copy(located, tensor.name))


@dataclass(frozen=True, eq=False)
class HighKernel(CountingKernel):
    """The first count: which bin of 16 high bits the k-th largest magnitude is in.

    Attributes:
        kept: k of each task in each tensor; 0 finds nothing of use. None where the model is cut as one vector: the
            pass then returns the counts of each key over all tensors.
    """

    bins: ClassVar[int] = HIGH_BINS
    kept: Kept | None = None

    def parameters(self) -> bytes:
        """Return what is counted, and how many are kept."""
        kept = [f"{name} {counts.tolist()}".encode() for name, counts in (self.kept or {}).items()]
        return b"\0".join([super().parameters(), *kept])

    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""
        count_high(chunk.rows(self.inputs.centered), state.mixing, state.counts.view(np.uint32))

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:
        """Add the counts of a piece to those of the tensor, and keep its own: if they become many, near the threshold.

        Returns:
            Of the tensor the keys, all their counts and those that are fine ``(2, n)``, and the keys near which the
            thresholds should be, none while all are kept; then of each piece the keys and their counts.
        """
        keys, counts, near, *pieces = total or (_NO_KEYS, _NO_COUNTS, _NO_KEYS)
        keys, counts = joined(keys, counts, *apart(*part))
        if self.kept is None:
            return keys, counts, near
        pieces += self._close(near, *part)
        if not near.size and sum(own.size for own in pieces[::2]) > _KEYS_APART:
            near = self._near(tensor, self.kept[tensor.name], keys, counts[0])
            pieces = [array for piece in pairs(pieces) for array in self._close(near, *piece)]
        return (keys, counts, near, *pieces)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        """Return the thresholds where they are known, else what the second count needs; of a part of a model, counts.

        Args:
            tensor: The tensor.
            total: Its counts.

        Returns:
            As :func:`tied_ends`, or bins and ranks, each int64 ``(T,)``; or keys and their counts.

        Raises:
            NonFiniteError: If a task's vector holds infinity or NaN.
        """
        keys, (counts, fine), _, *pieces = total
        self._check_finite(tensor, keys)
        if self.kept is None:
            return compact(keys, counts)
        bins, ranks = select(keys, counts, self.kept[tensor.name], self.bins)
        wanted = np.arange(len(bins)) * self.bins + bins
        larger = counts_at(keys, fine, wanted)
        equal = np.array([counts_at(own, coarse(packed) - fine_ones(packed), wanted) for own, packed in pairs(pieces)])
        is_known = (ranks > larger) & (equal.sum(axis=0) == counts_at(keys, counts, wanted) - larger)
        if not (is_known | (ranks == 0)).all():
            return bins, ranks
        return tied_ends(bins << LOW_BITS, ranks - larger, equal)

    def reduce_model(self, model: Arrays, own: Arrays) -> Arrays | None:
        """Add the counts of a tensor to those of the tensors before it."""
        return self._added(model, own) if self.kept is None else None

    def _near(self, tensor: AlignedTensor, kept: Counts, keys: Counts, counts: Counts) -> Counts:
        """Return the keys at which tasks would be cut if the rest of a tensor were like its pieces so far, ``(T,)``."""
        seen = int(counts[: np.searchsorted(keys, self.bins)].sum())
        bins, _ = select(keys, counts, -(-kept * seen // tensor.num_params), self.bins)
        near: Counts = np.arange(len(bins)) * self.bins + bins
        return near

    def _close(self, near: Counts, keys: Counts, packed: Counts) -> Arrays:
        """Return the counts of a piece at keys that are close to those of their tasks; all if there are none."""
        if not near.size:
            return keys, packed
        is_close = np.abs(keys - near[keys // self.bins]) <= _NEAR
        return keys[is_close], packed[is_close]

    def _check_finite(self, tensor: AlignedTensor, keys: Counts) -> None:
        """Refuse counts of what is not finite.

        Raises:
            NonFiniteError: If a task's vector holds infinity or NaN.
        """
        broken = keys[keys % self.bins >= NON_FINITE]
        if broken.size:
            raise NonFiniteError(
                f"tensor {tensor.name} of {self.inputs.names[broken[0] // self.bins]} (or of its base) holds NaN or "
                "infinity, and a merge takes finite numbers alone: fetch or save the checkpoint again"
            )


@dataclass(frozen=True, eq=False)
class LowKernel(CountingKernel):
    """The second count: the 15 low bits of the k-th largest magnitude, and in which piece the last kept equal one is.

    Attributes:
        highs: The high bits that are counted within, of each task in each tensor.
        ranks: Which of these bins each task's is. None where the model is cut as one vector: the pass then returns the
            counts of each key over all tensors.
    """

    bins: ClassVar[int] = LOW_BINS
    highs: Mapping[str, Counts]
    ranks: Mapping[str, Counts] | None = None

    def parameters(self) -> bytes:
        """Return what is counted, and within which bins."""
        within = [array.tobytes() for array in (*self.highs.values(), *(self.ranks or {}).values())]
        return b"\0".join([super().parameters(), *within])

    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""
        _count_low(chunk, state, self.inputs, self.highs[state.tensor.name])

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Keep the counts of every piece: which of them hold the threshold is known at the end."""
        if self.ranks is None:
            keys, counts = total or (_NO_KEYS, _NO_COUNTS)
            return joined(keys, counts, *apart(*part))
        return (*total, *part)

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        """Return the thresholds, as :func:`tied_ends` does; of a part of a model, counts.

        Args:
            tensor: The tensor.
            total: Keys and counts of its pieces, in order; or of all.

        Returns:
            Each int64 ``(T,)``; or keys and their counts.
        """
        if self.ranks is None:
            return compact(total[0], total[1][0])
        keys, counts = _NO_KEYS, _NO_COUNTS
        for piece in pairs(total):
            keys, counts = joined(keys, counts, *apart(*piece))
        lows, ranks = select(keys, counts[0], self.ranks[tensor.name], self.bins)
        wanted = np.arange(len(lows)) * self.bins + lows
        equal = [counts_at(*piece, wanted) for piece in pairs(total)]
        return tied_ends((self.highs[tensor.name] << LOW_BITS) | lows, ranks, np.array(equal))

    def reduce_model(self, model: Arrays, own: Arrays) -> Arrays | None:
        """Add the counts of a tensor to those of the tensors before it."""
        return self._added(model, own) if self.ranks is None else None


@dataclass(frozen=True, eq=False)
class EqualKernel(CountingKernel):
    """The last count, of a model that is cut as one vector: how many equal the threshold in every piece.

    Attributes:
        highs: The high bits of each task's threshold, ``(T,)``.
        lows: The low bits.
    """

    bins: ClassVar[int] = LOW_BINS
    highs: Counts
    lows: Counts

    def parameters(self) -> bytes:
        """Return what is counted, and which thresholds."""
        return b"\0".join([super().parameters(), self.highs.tobytes(), self.lows.tobytes()])

    def count(self, chunk: Chunk, state: State) -> None:
        """Count one chunk."""
        _count_low(chunk, state, self.inputs, self.highs)

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


def _count_low(chunk: Chunk, state: State, inputs: MergeInputs, highs: Counts) -> None:
    count_low(chunk.rows(inputs.centered), state.mixing, highs.astype(np.uint32), state.counts)
