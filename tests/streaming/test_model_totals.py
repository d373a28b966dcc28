"""What a pass adds up over the whole model: one set of arrays, noted by tensor, so that a killed count goes on."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from passes import CopyAndCount, HeldCheckpoint, aligned

from taskvec.streaming import MODEL, Arrays, Job, Journal, Notes, RunOptions, job_key, run
from taskvec.streaming.events import BytesDone, Event, Resumed
from taskvec.streaming.units import BLOCK


class CountOfModel(CopyAndCount):
    """Counts the elements of all tensors together."""

    notes: ClassVar[Notes] = Notes.TENSORS

    def reduce_model(self, model: Arrays, own: Arrays) -> Arrays | None:
        return (own[0] + model[0],) if model else own


SIZES = {"a": 3, "b": 2 * BLOCK + 1, "c": BLOCK, "d": 0, "e": 5}


def counting() -> tuple[HeldCheckpoint, Job]:
    held = HeldCheckpoint({name: np.empty(size, np.uint8) for name, size in SIZES.items()})
    return held, Job("count", [aligned(held, name, is_written=False) for name in SIZES], CountOfModel())


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_a_model_is_reduced_to_one_set_of_arrays(executor: str) -> None:
    _, job = counting()
    (total,) = run(job, RunOptions(executor=executor)).pop(MODEL)
    assert total.tolist() == [sum(SIZES.values())]


def test_a_killed_count_of_a_model_goes_on_where_it_was(tmp_path: Path) -> None:
    done: list[int] = []
    events: list[Event] = []

    def stop(event: Event) -> None:
        if isinstance(event, BytesDone):
            done.append(event.count)
        if len(done) == 5:  # c, after which nothing is noted
            raise KeyboardInterrupt

    _, job = counting()
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / "notes", job_key(job)) as journal:
        run(job, RunOptions(executor="serial", listener=stop), journal)
    held, job = counting()
    with Journal(tmp_path / "notes", job_key(job)) as journal:
        assert set(journal.done) < set(range(len(SIZES)))
        noted = [list(SIZES)[tensor] for tensor in journal.done]
        found = run(job, RunOptions(executor="serial", listener=events.append), journal)
    assert found.keys() == {MODEL}
    assert found[MODEL][0].tolist() == [sum(SIZES.values())]
    assert noted == ["a", "b"]
    assert not {name for name, *_ in held.reads} & {"b"}, "what was counted was read again"
    (resumed,) = (event for event in events if isinstance(event, Resumed))
    assert resumed.count == SIZES["a"] + SIZES["b"]
