"""Limits under which all passes of an edit fit that reads merges, and the least memory that would do for all of them.

What the process holds is read once for all passes: none is refused in mid-run for what those before it left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from taskvec.errors import MemoryLimitError
from taskvec.streaming import Plan, RunOptions
from taskvec.streaming.memory import format_size, resident_bytes
from taskvec.streaming.plan import SLACK_BYTES

if TYPE_CHECKING:
    from taskvec.merging.merge import Merge

Planned = Callable[[RunOptions], Plan]
"""Plans all passes under given limits."""


def reading_limits(merges: Sequence[Merge], options: RunOptions) -> RunOptions:
    """Return the limits of a pass that reads merges: fewer workers where these would hold most of what is free."""
    if not merges:
        return options
    begun = resident_bytes()
    limits, free = replace(options, begun=begun), options.memory - begun - SLACK_BYTES
    while (held := sum(merge.held_bytes(limits) for merge in merges)) > free // 2 and limits.workers > 1:
        limits = replace(limits, workers=limits.workers - 1)
    return replace(limits, held=held)


def limits_before(merges: Sequence[Merge], limits: RunOptions) -> Iterator[tuple[Merge, RunOptions]]:
    """Yield each merge with the limits of the passes before it, which read no merges but those that come first.

    Args:
        merges: The merges, inner ones first.
        limits: Those of a pass that reads all of them.

    Yields:
        A merge and its limits.
    """
    held = 0
    for merge in merges:
        yield merge, replace(limits, held=held)
        held += merge.held_bytes(limits)


def fitted(merges: Sequence[Merge], options: RunOptions, planned: Planned) -> tuple[RunOptions, Plan]:
    """Find limits that all passes keep, with as many workers as may be.

    Args:
        merges: The merges that are read.
        options: What is allowed.
        planned: Plans all passes.

    Returns:
        The limits, and the plan under them.

    Raises:
        MemoryLimitError: If there are none; the message says the least that would do for every pass.
    """
    try:
        return _fitted(merges, options, planned)
    except MemoryLimitError as error:
        least = _least(error, merges, options, planned)
        if least == error.least_bytes:
            raise
        raise MemoryLimitError(
            f"{format_size(options.memory)} of memory is not enough for all passes; the least that would do is "
            f"{least >> 20}MiB: raise --memory",
            least,
        ) from error


def _fitted(merges: Sequence[Merge], options: RunOptions, planned: Planned) -> tuple[RunOptions, Plan]:
    limits = reading_limits(merges, options)
    while True:
        try:
            return limits, planned(limits)
        except MemoryLimitError:
            if limits.workers == 1 or not merges:
                raise
            limits = reading_limits(merges, replace(options, workers=limits.workers - 1))


def _least(error: MemoryLimitError, merges: Sequence[Merge], options: RunOptions, planned: Planned) -> int:
    """Return what would do for the passes too that come after the one that was refused."""
    least, more = 0, error.least_bytes
    while more > least:
        least = more
        try:
            _fitted(merges, replace(options, memory=least), planned)
        except MemoryLimitError as later:
            more = later.least_bytes
    return least
