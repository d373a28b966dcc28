"""Passes whose units are whole tensors: the same engine, with the same guards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from passes import CopyAndCount, Cost, HeldCheckpoint, HeldSink, aligned
from threadpoolctl import threadpool_info

from taskvec.checkpoints import open_checkpoint
from taskvec.errors import MemoryLimitError, SourceChangedError
from taskvec.streaming import (
    AlignedTensor,
    Arrays,
    Job,
    Journal,
    Located,
    RunOptions,
    TensorKernel,
    TensorSink,
    job_key,
    plan_pass,
    run,
)
from taskvec.streaming.events import BytesDone, Event, PassStarted, Resumed
from taskvec.streaming.executors import EXECUTORS
from taskvec.streaming.memory import one_run
from taskvec.streaming.units import BLOCK
from taskvec.testing.checkpoints import save_folder
from taskvec.types import Grain

MIB = 1 << 20


@dataclass(frozen=True)
class LargestOf(TensorKernel):
    """The largest element of every tensor of float32."""

    unit: int = MIB
    asked: list[Any] = field(default_factory=list)

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:
        values = np.empty(tensor.num_params, np.float32)
        tensor.located[0].read_into(0, values.size, values.view(np.uint8))
        blas = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
        self.asked.append((tensor.name, threads, blas))
        return (values.max(keepdims=True),)

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        return self.unit * tensor.num_params

    def parameters(self) -> bytes:
        return b""


def tensors(folder: Path, sizes: Sequence[int]) -> tuple[AlignedTensor, ...]:
    arrays = {f"w{i}": np.arange(size, dtype=np.float32) for i, size in enumerate(sizes)}
    opened = open_checkpoint(save_folder(folder / "model", arrays))
    return tuple(
        AlignedTensor(name, info.shape, None, (Located(opened, info),)) for name, info in opened.tensors.items()
    )


def largest(found: dict[str, Arrays]) -> dict[str, float]:
    return {name: float(array[0]) for name, (array,) in found.items()}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_tensor_is_one_unit_however_large(tmp_path: Path, executor: str) -> None:
    options = RunOptions(memory=4 << 30, executor=executor, workers=2)
    job = Job("largest", tensors(tmp_path, [3, 2 * BLOCK + 5, 1]), LargestOf(unit=1))
    assert [len(unit.pieces) for unit in job.units()] == [1, 3, 1]
    assert largest(run(job, options)) == {"w0": 2.0, "w1": 2 * BLOCK + 4, "w2": 0.0}


def test_as_many_workers_as_may_hold_the_largest_at_once(tmp_path: Path) -> None:
    read = tensors(tmp_path, [10, 40, 20, 30])
    options = RunOptions(memory=8 << 30, workers=4)
    with one_run(100 * MIB):
        most = plan_pass("all", read, LargestOf(), options).projected_bytes
        tight = plan_pass("some", read, LargestOf(), replace(options, memory=most - MIB))
    assert tight.workers == 3
    assert most - tight.projected_bytes == 10 * MIB, "the smallest of the four waits"


def test_too_little_memory_names_the_largest_tensor_and_the_least_that_would_do(tmp_path: Path) -> None:
    read = tensors(tmp_path, [10, 40])
    options = RunOptions(memory=MIB, workers=2)
    refused = pytest.raises(MemoryLimitError, match=r"all: 1.0 MiB of memory is not enough for tensor w1 \[40\]")
    with one_run(100 * MIB), refused as refusal:
        plan_pass("all", read, LargestOf(), options)
    least = re.search(r"the least that would do is (\d+)MiB: raise --memory", str(refusal.value))
    assert least is not None
    assert refusal.value.least_bytes == int(least[1]) * MIB
    allowed = replace(options, memory=refusal.value.least_bytes)
    with one_run(100 * MIB):
        assert plan_pass("all", read, LargestOf(), allowed).workers == 1


def test_threads_that_find_no_tensor_help_with_one_and_linear_algebra_keeps_to_its_own(tmp_path: Path) -> None:
    kernel = LargestOf(unit=1)
    run(Job("all", tensors(tmp_path, [4, 5]), kernel), RunOptions(memory=4 << 30, workers=6, executor="serial"))
    assert [(name, threads) for name, threads, _ in kernel.asked] == [("w0", 3), ("w1", 3)]
    assert all(blas == {1} for *_, blas in kernel.asked)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    read = tensors(tmp_path, [4, 5])
    (path,) = (path for path in read[0].located[0].checkpoint.files if path.suffix == ".safetensors")

    def touched(event: Event) -> None:
        if isinstance(event, BytesDone):
            path.touch()

    with pytest.raises(SourceChangedError, match="changed while it was read"):
        run(
            Job("all", read[1:], LargestOf(unit=1)),
            RunOptions(memory=4 << 30, executor="serial", listener=touched),
        )


def test_what_was_noted_is_not_done_again_and_that_is_said(tmp_path: Path) -> None:
    first, again = LargestOf(unit=1), LargestOf(unit=1)
    read, events = tensors(tmp_path, [4, 5, 6]), list[Event]()

    def stop(event: Event) -> None:
        if isinstance(event, BytesDone) and len(first.asked) == 3:
            raise KeyboardInterrupt

    job = Job("all", read, first)
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / "notes", job_key(job)) as journal:
        run(job, RunOptions(memory=4 << 30, executor="serial", listener=stop), journal)
    job = Job("all", read, again)
    with Journal(tmp_path / "notes", job_key(job)) as journal:
        found = run(job, RunOptions(memory=4 << 30, executor="serial", listener=events.append), journal)
    assert largest(found) == {"w0": 3.0, "w1": 4.0, "w2": 5.0}
    assert [name for name, *_ in again.asked] == ["w2"]
    assert [event.count for event in events if isinstance(event, Resumed)] == [4 * (4 + 5)]
    assert [event.total_bytes for event in events if isinstance(event, PassStarted)] == [4 * (4 + 5 + 6)]


def test_pages_are_let_go_tensor_by_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskvec.streaming.plan.available_bytes", lambda: 10)
    let_go: list[tuple[str, int, int]] = []
    read = tensors(tmp_path, [4, BLOCK + 1])
    kind = type(read[0].located[0].checkpoint)
    monkeypatch.setattr(kind, "forget", lambda _, name, start, count: let_go.append((name, start, count)))
    run(Job("all", read, LargestOf(unit=1)), RunOptions(memory=4 << 30, executor="serial"))
    assert let_go == [("w0", 0, 4), ("w1", 0, BLOCK), ("w1", BLOCK, 1)]


@dataclass(frozen=True)
class MadeWhole(Cost):
    """A source that makes all of a tensor at once."""

    @property
    def grain(self) -> Grain:
        return Grain.TENSOR


def test_where_a_source_makes_whole_tensors_one_worker_reads_each() -> None:
    size = 2 * BLOCK + 7
    made = HeldCheckpoint({"v": np.ones(3, np.float32), "w": np.ones(size, np.float32)}, cost=MadeWhole())
    sink = HeldSink()
    job = Job("copy", [aligned(made, name) for name in made.arrays], CopyAndCount(), (sink,))
    assert [unit.pieces[0].tensor for unit in job.units()] == [0, 1]
    assert run(job, RunOptions(memory=4 << 30, workers=2))["w"][0].tolist() == [size]
    assert sink.whole("w") == made.arrays["w"].tobytes()
