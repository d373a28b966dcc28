"""Limits of an edit that reads merges: what is named as enough is so for every pass, with fewer workers if needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from taskvec import RunOptions
from taskvec.errors import MemoryLimitError
from taskvec.merging.fitting import fitted, limits_before, reading_limits
from taskvec.streaming import Plan
from taskvec.streaming.memory import parse_size, resident_bytes

MIB = 1 << 20


@dataclass(frozen=True)
class HeldMerge:
    """As much of a merge as limits depend on: what a worker holds while it is read."""

    bytes_each: int

    def held_bytes(self, options: RunOptions) -> int:
        return options.workers * self.bytes_each


def merges(*sizes: int) -> Sequence[Any]:
    return [HeldMerge(size * MIB) for size in sizes]


def passes_of(*needs: int) -> Callable[[RunOptions], Plan]:
    """Passes that need so many MiB beside what the process is and holds, planned in order."""

    def planned(limits: RunOptions) -> Plan:
        for need in needs:
            least = limits.reserved_bytes + need * MIB
            if least > limits.memory:
                least = -(-least >> 20)
                raise MemoryLimitError(f"the least that would do is {least}MiB: raise --memory", least << 20)
        return Plan((), limits.memory, 0)

    return planned


def test_a_refusal_names_what_is_enough_for_the_passes_after_the_refused_one() -> None:
    few = RunOptions(memory=MIB, workers=2)
    with pytest.raises(MemoryLimitError, match=r"of memory is not enough for all passes") as refused:
        fitted(merges(10), few, passes_of(5, 90, 20))
    named = re.search(r"the least that would do is (\w+): raise --memory", str(refused.value))
    assert named is not None
    assert parse_size(named[1]) == refused.value.least_bytes
    fitted(merges(10), RunOptions(memory=refused.value.least_bytes + 8 * MIB, workers=2), passes_of(5, 90, 20))


def test_a_refusal_of_the_pass_that_needs_most_is_told_as_it_is() -> None:
    with pytest.raises(MemoryLimitError, match=r"^the least that would do is"):
        fitted(merges(10), RunOptions(memory=MIB), passes_of(90, 5))


def test_fewer_workers_are_taken_where_all_of_them_would_not_fit() -> None:
    free = 100
    options = RunOptions(memory=resident_bytes() + (24 + free) * MIB, workers=4)
    assert fitted(merges(12), options, passes_of(10))[0].workers == 4
    limits, _ = fitted(merges(12), options, passes_of(70))
    assert limits.workers == 2
    assert limits.held == 24 * MIB


def test_what_the_process_holds_is_read_once() -> None:
    limits = reading_limits(merges(1), RunOptions())
    more = bytearray(64 * MIB)
    more[::4096] = b"1" * len(more[::4096])
    assert limits.reserved_bytes < resident_bytes()
    assert {own.begun for _, own in limits_before(merges(1, 2), limits)} == {limits.begun}


def test_a_pass_before_a_merge_reserves_what_reading_those_within_it_takes() -> None:
    limits = RunOptions(workers=2)
    held = [own.held for _, own in limits_before(merges(3, 5, 7), limits)]
    assert held == [0, 6 * MIB, 16 * MIB]
