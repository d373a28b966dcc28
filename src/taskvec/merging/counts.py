"""Counts of magnitudes by bin: sorted keys ``task · bins + bin`` and how often each occurs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taskvec.numerics.trimming import join
from taskvec.streaming import Arrays
from taskvec.streaming.units import BLOCK

Counts = NDArray[np.int64]

_FINE_SHIFT = 32  # above it is the count of those whose low bits are not zero


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


def pairs(arrays: Sequence[Counts]) -> Iterator[tuple[Counts, Counts]]:
    """Yield keys and counts of each piece."""
    return zip(arrays[::2], arrays[1::2], strict=True)


def coarse(packed: Counts) -> Counts:
    """Return the counts of all."""
    return packed & ((1 << _FINE_SHIFT) - 1)


def fine_ones(packed: Counts) -> Counts:
    """Return the counts of those whose low bits are not zero."""
    return packed >> _FINE_SHIFT


def apart(keys: Counts, packed: Counts) -> tuple[Counts, Counts]:
    """Return the keys of a piece, and the counts of all and of those that are fine, ``(2, n)``."""
    return keys, np.stack([coarse(packed), fine_ones(packed)])


def compact(keys: Counts, counts: Counts) -> Arrays:
    """Return keys and counts in as few bytes as they fit in, for notes: of a model there is one for every tensor."""
    return tuple(array.astype(np.uint32) if array.max(initial=0) < 1 << 32 else array for array in (keys, counts))


def joined(keys: Counts, counts: Counts, more_keys: Counts, more_counts: Counts) -> tuple[Counts, Counts]:
    """Return two sorted lists of keys as one, the counts of those in both, ``(2, n)``, added up."""
    if not keys.size:
        return more_keys, more_counts
    most = keys.size + more_keys.size
    all_keys, all_counts = np.empty(most, np.int64), np.empty((2, most), np.int64)
    size = join(keys, counts, more_keys, more_counts, all_keys, all_counts)
    return all_keys[:size].copy(), all_counts[:, :size].copy()


def counts_at(keys: Counts, counts: Counts, wanted: Counts) -> Counts:
    """Return the counts of the wanted keys, 0 where one does not occur."""
    if not keys.size:
        return np.zeros_like(wanted)
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, counts[places], 0)
