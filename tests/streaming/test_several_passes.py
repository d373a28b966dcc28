"""Passes that are planned together, and what they read from: what is named as enough is so for every pass."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from passes import CopyAndCount, Cost, HeldCheckpoint, HeldMaker, aligned

from taskvec import RunOptions
from taskvec.errors import MemoryLimitError
from taskvec.streaming import Plan, PlannedPass, memory, plan_pass
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.memory import begun_bytes, one_run, parse_size
from taskvec.streaming.plan import SLACK_BYTES, plan_all
from taskvec.streaming.units import BLOCK

MIB = 1 << 20
HOLDS = 300 * MIB


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Let the process hold always as much; a test may say otherwise."""

    def let(read: Callable[[], int]) -> None:
        monkeypatch.setattr(memory, "resident_bytes", read)

    let(lambda: HOLDS)
    return let


def reading(*makers: HeldMaker, element: int = 0, **options: object) -> PlannedPass:
    """Plan a pass over a base that is stored and a source for each maker."""
    checkpoints = [
        HeldCheckpoint({"w": np.empty(4 * BLOCK, np.float32)}, cost=Cost(element, made_by=who))
        for who in [(), *((maker,) for maker in makers)]
    ]
    tensors = [aligned(checkpoint, "w", sources=len(makers)) for checkpoint in checkpoints]
    given = RunOptions(**{"memory": 8 << 30, "workers": 2, **options})  # type: ignore[arg-type]
    return plan_pass("read", tensors, CopyAndCount(), given, num_outputs=1)


def passes_of(*needs: int) -> Callable[[RunOptions], Plan]:
    """Passes that need so many MiB beside what the process is, planned in order."""

    def planned(limits: RunOptions) -> Plan:
        for need in needs:
            least = begun_bytes() + SLACK_BYTES + need * MIB
            if least > limits.memory:
                least = -(-least >> 20)
                raise MemoryLimitError(f"the least that would do is {least}MiB: raise --memory", least << 20)
        return Plan((), limits.memory, 0)

    return planned


def test_a_refusal_names_what_is_enough_for_the_passes_after_the_refused_one() -> None:
    with pytest.raises(MemoryLimitError, match=r"of memory is not enough for all passes") as refused:
        plan_all(passes_of(5, 90, 20, 95), RunOptions(memory=MIB))
    named = re.search(r"the least that would do is (\w+): raise --memory", str(refused.value))
    assert named is not None
    assert parse_size(named[1]) == refused.value.least_bytes
    plan_all(passes_of(5, 90, 20, 95), RunOptions(memory=refused.value.least_bytes))


def test_a_refusal_of_the_pass_that_needs_most_is_told_as_it_is() -> None:
    with pytest.raises(MemoryLimitError, match=r"^the least that would do is"):
        plan_all(passes_of(90, 5), RunOptions(memory=MIB))


def test_what_the_process_holds_is_read_once(held: Callable[[Callable[[], int]], None]) -> None:
    readings = itertools.count(HOLDS, 64 * MIB)
    held(lambda: next(readings))
    with one_run():
        first, second = reading(), reading()
        with one_run():
            assert begun_bytes() == HOLDS, "a run within a run is a part of it"
    assert first == second
    assert begun_bytes() == HOLDS + 64 * MIB
    assert reading().projected_bytes == first.projected_bytes + 128 * MIB


def test_what_the_process_held_is_forgotten_with_the_run_that_failed() -> None:
    with pytest.raises(MemoryLimitError), one_run(5):
        plan_all(passes_of(90), RunOptions(memory=MIB))
    assert begun_bytes() == HOLDS


def test_what_makers_keep_is_kept_by_every_worker_and_what_they_hold_by_all_of_them() -> None:
    free, dear = reading(HeldMaker()), reading(HeldMaker(kept_bytes=3 * MIB, held_bytes=50 * MIB))
    assert (free.workers, dear.workers) == (2, 2)
    assert dear.projected_bytes - free.projected_bytes == (2 * 3 + 50) * MIB


def test_a_process_holds_for_itself_what_makers_hold() -> None:
    maker = HeldMaker(kept_bytes=3 * MIB, held_bytes=50 * MIB)
    free, dear = (reading(who, executor="processes") for who in (HeldMaker(), maker))
    assert EXECUTORS["processes"].is_elsewhere
    assert dear.projected_bytes - free.projected_bytes == 2 * (3 + 50) * MIB


def test_makers_add_up_and_each_counts_once_however_much_it_makes() -> None:
    one, other = HeldMaker(3 * MIB, 20 * MIB), HeldMaker(5 * MIB, 30 * MIB)
    free = reading(*[HeldMaker()] * 3)
    assert reading(one, other, one).projected_bytes - free.projected_bytes == (2 * 8 + 50) * MIB


def test_fewer_read_at_once_what_smaller_chunks_do_not_make_cheaper() -> None:
    maker = HeldMaker(kept_bytes=12 * MIB)
    crowd = reading(maker, workers=4, memory=HOLDS + SLACK_BYTES + 97 * MIB)
    few = reading(maker, workers=4, memory=HOLDS + SLACK_BYTES + 60 * MIB)
    assert (crowd.workers, few.workers) == (4, 2)
    assert few.chunk_elements == crowd.chunk_elements
    assert few.projected_bytes <= HOLDS + SLACK_BYTES + 60 * MIB
