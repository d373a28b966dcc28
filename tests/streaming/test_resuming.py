"""A run that was interrupted goes on: what it need not do again, what it says of it, and that it ends alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from passes import CopyAndCount, HeldCheckpoint, HeldSink, aligned

from taskvec.streaming import AlignedTensor, Arrays, Chunk, Job, Notes, RunOptions, plan, run
from taskvec.streaming.events import BytesDone, Event, PassStarted, Resumed
from taskvec.streaming.journal import Journal
from taskvec.streaming.units import BLOCK

ARRAYS = {
    "long": np.arange(2 * BLOCK + 5, dtype=np.int16),
    "small": np.arange(7, dtype=np.int16),
    "full": np.ones(BLOCK, np.int16),
    "last": np.arange(3, dtype=np.int16),
}
UNITS = [2 * BLOCK, 2 * BLOCK, 2 * (5 + 7), 2 * BLOCK, 2 * 3]
"""Bytes of one reading of each unit: two blocks of the long tensor, its end with the small one, the full, the last."""


class Interrupted(Exception):  # noqa: N818
    pass


@dataclass
class Sink(HeldSink):
    skipped: list[tuple[str, int]] = field(default_factory=list)

    def skip(self, name: str, count: int) -> None:
        self.skipped.append((name, count))


class Sums(CopyAndCount):
    """Adds up each tensor, and says of a whole one how often it was concluded."""

    def process(self, chunk: Chunk, state: np.ndarray) -> None:
        state += int(chunk.raw[0][: 2 * chunk.count].view(np.int16).sum(dtype=np.int64))
        if len(chunk.outputs):
            chunk.outputs[:] = chunk.base


class SumsOfTensors(Sums):
    notes: ClassVar[Notes] = Notes.TENSORS

    def conclude(self, tensor: AlignedTensor, total: Arrays) -> Arrays:
        return (-total[0],)


def run_some(kernel: Sums, units: int, path: Path, sinks: tuple[HeldSink, ...] = ()) -> tuple[dict, list[Event], list]:
    """Run until so many units are done; returns results, events and what was read."""
    checkpoint, events = HeldCheckpoint(ARRAYS), []
    tensors = [aligned(checkpoint, name, sources=1, is_written=bool(sinks)) for name in ARRAYS]

    def listen(event: Event) -> None:
        events.append(event)
        if sum(isinstance(one, BytesDone) for one in events) > units:
            raise Interrupted

    results: dict = {}
    try:
        with Journal(path, "k") as journal:
            results = run(Job("sum", tensors, kernel, sinks), RunOptions(listener=listen, workers=1), journal)
    except Interrupted:
        pass
    return {name: int(total.item()) for name, (total,) in results.items()}, events, checkpoint.reads


def count(events: list[Event], kind: type) -> list[int]:
    return [event.count for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("units", [1, 3, 4])
def test_a_written_output_goes_on_with_the_next_unit(units: int, tmp_path: Path) -> None:
    run_some(Sums(), units, tmp_path / "journal", (Sink(), Sink()))
    sinks = (Sink(), Sink())
    found, events, reads = run_some(Sums(), 99, tmp_path / "journal", sinks)
    assert found == {name: int(array.sum(dtype=np.int64)) for name, array in ARRAYS.items()}
    assert events[0] == PassStarted("sum", 4 * sum(UNITS))
    assert count(events, Resumed) == [4 * sum(UNITS[:units])]
    assert count(events, BytesDone) == [4 * size for size in UNITS[units:]]
    assert sum(2 * size for _, _, size in reads) == 2 * sum(UNITS[units:])
    for sink in sinks:
        assert sum(2 * size for _, size in sink.skipped) == sum(UNITS[:units])
        written = {name: sum(map(len, parts.values())) for name, parts in sink.written.items()}
        assert sum(written.values()) == sum(UNITS[units:])


@pytest.mark.parametrize(("units", "noted"), [(2, 0), (3, 2), (4, 3)])
def test_what_is_noted_by_tensors_goes_on_with_the_first_that_is_not_whole(
    units: int, noted: int, tmp_path: Path
) -> None:
    """Two units of the long tensor alone are no whole tensor, and are done again."""
    kernel = SumsOfTensors()
    run_some(kernel, units, tmp_path / "journal")
    found, events, reads = run_some(kernel, 99, tmp_path / "journal")
    assert found == {name: -int(array.sum(dtype=np.int64)) for name, array in ARRAYS.items()}
    done = sum(UNITS[:units]) if noted else 0
    assert count(events, Resumed) == ([2 * done] if noted else [])
    assert sum(2 * size for _, _, size in reads) == 2 * (sum(UNITS) - done)
    with Journal(tmp_path / "journal", "k") as journal:
        assert {unit: parts[0][0].item() for unit, parts in journal.done.items()} == dict(enumerate(found.values()))


def test_a_unit_with_one_tensor_that_is_noted_and_one_that_is_not_adds_up_the_other_alone(tmp_path: Path) -> None:
    kernel = SumsOfTensors()
    with Journal(tmp_path / "journal", "k") as journal:
        journal.start(lambda: None)
        journal.record(1, [(np.array([123]),)])
    found, events, _ = run_some(kernel, 99, tmp_path / "journal")
    whole = {name: -int(array.sum(dtype=np.int64)) for name, array in ARRAYS.items()}
    assert found == {**whole, "small": 123}
    assert count(events, Resumed) == [0]


class SumsOfModel(SumsOfTensors):
    """Adds up all tensors together."""

    def reduce_model(self, model: Arrays, own: Arrays) -> Arrays:
        return (model[0] + own[0],) if model else own


class SumsOfSome(SumsOfTensors):
    """Reduces nothing of the small tensor, which shares a unit with the end of the long one."""

    def begin(self, tensor: AlignedTensor) -> np.ndarray | None:
        return None if tensor.name == "small" else np.zeros(1, np.int64)

    def process(self, chunk: Chunk, state: np.ndarray | None) -> None:
        if state is not None:
            super().process(chunk, state)


def test_a_tensor_of_which_nothing_is_reduced_is_not_noted(tmp_path: Path) -> None:
    found, _, _ = run_some(SumsOfSome(), 99, tmp_path / "journal")
    assert found == {name: -int(array.sum(dtype=np.int64)) for name, array in ARRAYS.items() if name != "small"}
    with Journal(tmp_path / "journal", "k") as journal:
        assert set(journal.done) == {0, 2, 3}


def test_what_is_not_written_is_not_skipped(tmp_path: Path) -> None:
    def work(sink: Sink, units: int) -> None:
        checkpoint = HeldCheckpoint(ARRAYS)
        tensors = [aligned(checkpoint, name, sources=1, is_written=name != "small") for name in ARRAYS]
        done = []

        def listen(event: Event) -> None:
            done.append(isinstance(event, BytesDone))
            if sum(done) > units:
                raise Interrupted

        with suppress(Interrupted), Journal(tmp_path / "journal", "k") as journal:
            run(Job("sum", tensors, Sums(), (sink,)), RunOptions(listener=listen, workers=1), journal)

    work(Sink(), 3)
    sink = Sink()
    work(sink, 99)
    assert sink.skipped == [("long", BLOCK), ("long", BLOCK), ("long", 5)]
    assert set(sink.written) == {"full", "last"}


@pytest.mark.parametrize(("available", "forgets"), [(1, True), (1 << 40, False)])
def test_pages_that_will_not_fit_are_let_go_piece_by_piece(
    available: int, forgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(HeldCheckpoint):
        def forget(self, name: str, start: int, count: int) -> None:
            forgotten.append((name, start, count))

    forgotten: list[tuple[str, int, int]] = []
    monkeypatch.setattr(plan, "available_bytes", lambda: available)
    checkpoint = Forgetful(ARRAYS)
    run(Job("sum", [aligned(checkpoint, name, sources=1) for name in ("long", "last")], Sums()), RunOptions())
    pieces = [("last", 0, 3), ("long", 0, BLOCK), ("long", BLOCK, BLOCK), ("long", 2 * BLOCK, 5)]
    assert sorted(forgotten) == (sorted(2 * pieces) if forgets else [])


@pytest.mark.parametrize(
    ("kernel", "sinks", "keeps"),
    [(Sums, 0, True), (Sums, 1, False), (SumsOfTensors, 0, True), (SumsOfModel, 0, True)],
)
def test_a_pass_that_writes_nothing_notes_where_the_options_say(
    kernel: type[Sums], sinks: int, keeps: bool, tmp_path: Path
) -> None:
    checkpoint = HeldCheckpoint(ARRAYS)
    tensors = [aligned(checkpoint, name, sources=1, is_written=bool(sinks)) for name in ARRAYS]
    job = Job("sum", tensors, kernel(), tuple(Sink() for _ in range(sinks)))
    run(job, RunOptions(notes=tmp_path))
    assert len(list(tmp_path.glob("*.journal"))) == keeps
    before = len(checkpoint.reads)
    run(job, RunOptions(notes=tmp_path))
    assert (len(checkpoint.reads) == before) is keeps


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_outputs_are_rows_behind_those_of_all_sources(sources: int) -> None:
    class Marks(CopyAndCount):
        def process(self, chunk: Chunk, state: np.ndarray) -> None:
            assert (len(chunk.raw), len(chunk.outputs)) == (sources, 2)
            addresses = {row.ctypes.data for row in (chunk.base, *chunk.raw, *chunk.outputs)}
            assert len(addresses) == 1 + sources + 2
            chunk.outputs[0][:] = chunk.base
            chunk.outputs[1][:] = chunk.raw[-1]

    checkpoint, sinks = HeldCheckpoint(ARRAYS), (HeldSink(), HeldSink())
    tensors = [aligned(checkpoint, name, sources=sources) for name in ("small", "last")]
    run(Job("mark", tensors, Marks(), sinks), RunOptions())
    for sink in sinks:
        assert {name: sink.whole(name) for name in ("small", "last")} == {
            name: ARRAYS[name].tobytes() for name in ("small", "last")
        }
