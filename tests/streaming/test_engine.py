from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from passes import CopyAndCount, HeldCheckpoint, HeldSink, aligned

from taskvec.errors import CheckpointError
from taskvec.numerics.kernels import TILE
from taskvec.streaming import AlignedTensor, Chunk, Job, RunOptions, run
from taskvec.streaming.events import BytesDone, Event, PassFinished, PassStarted
from taskvec.streaming.units import BLOCK
from taskvec.types import DType

ARRAYS = {
    "long": np.arange(BLOCK + 3 * TILE + 5, dtype=np.float32),
    "short": np.arange(5, dtype=np.float16),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 4), np.float32),
    "plain": np.arange(TILE, dtype=np.uint8),
}


def job(checkpoint: HeldCheckpoint, sinks: tuple[HeldSink, ...], *, sources: int = 0) -> Job:
    tensors = [aligned(checkpoint, name, sources=sources) for name in checkpoint.arrays]
    return Job("copy", tensors, CopyAndCount(), sinks)


@pytest.mark.parametrize("max_chunk", [1, TILE, 5 * TILE, 10 * BLOCK])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_element_is_read_once_processed_once_and_written_once(max_chunk: int, workers: int) -> None:
    checkpoint, sinks = HeldCheckpoint(ARRAYS), (HeldSink(), HeldSink())
    counts = run(job(checkpoint, sinks), RunOptions(workers=workers, max_chunk=max_chunk))
    assert {name: int(count[0]) for name, (count,) in counts.items()} == {n: a.size for n, a in ARRAYS.items()}
    assert sum(size for _, _, size in checkpoint.reads) == sum(array.size for array in ARRAYS.values())
    for sink in sinks:
        assert {name: sink.whole(name) for name in ARRAYS} == {n: a.tobytes() for n, a in ARRAYS.items()}


def test_chunks_start_at_tiles_so_that_kernels_sum_alike() -> None:
    checkpoint = HeldCheckpoint(ARRAYS)
    run(job(checkpoint, ()), RunOptions(max_chunk=3 * TILE))
    assert all(start % TILE == 0 for _, start, _ in checkpoint.reads)
    assert max(size for _, _, size in checkpoint.reads) == 3 * TILE


def test_events_count_exactly_the_bytes_that_were_announced() -> None:
    events: list[Event] = []
    started = time.perf_counter()
    run(job(HeldCheckpoint(ARRAYS), (HeldSink(),), sources=2), RunOptions(listener=events.append))
    taken = time.perf_counter() - started
    num_bytes = sum(array.nbytes for array in ARRAYS.values())
    assert events[0] == PassStarted("copy", (3 + 1) * num_bytes)
    assert sum(event.count for event in events if isinstance(event, BytesDone)) == 4 * num_bytes
    assert isinstance(events[-1], PassFinished)
    assert 0 < events[-1].seconds <= taken


def test_a_tensor_without_an_output_dtype_is_not_written() -> None:
    checkpoint, sink = HeldCheckpoint(ARRAYS), HeldSink()
    tensors = [aligned(checkpoint, "short", is_written=False), aligned(checkpoint, "plain")]
    run(Job("copy", tensors, CopyAndCount(), (sink,)), RunOptions())
    assert list(sink.written) == ["plain"]


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_an_error_of_a_kernel_reaches_the_caller_as_it_is(executor: str) -> None:
    class Fails(CopyAndCount):
        def process(self, chunk: Chunk, state: object) -> None:
            raise CheckpointError(f"tensor {chunk.tensor.name} is bad")

    checkpoint = HeldCheckpoint(ARRAYS)
    with pytest.raises(CheckpointError, match="tensor long is bad"):
        run(Job("x", [aligned(checkpoint, "long")], Fails()), RunOptions(executor=executor))


def test_workers_have_a_buffer_each() -> None:
    seen: dict[int, set[int]] = {}
    barrier = threading.Barrier(2, timeout=120)  # they meet at once, or never

    class Meets(CopyAndCount):
        def process(self, chunk: Chunk, state: object) -> None:
            seen.setdefault(threading.get_ident(), set()).add(chunk.base.ctypes.data)
            barrier.wait()

    checkpoint = HeldCheckpoint({"a": np.zeros(BLOCK, np.uint8), "b": np.zeros(BLOCK, np.uint8)})
    tensors = [aligned(checkpoint, name) for name in "ab"]
    run(Job("x", tensors, Meets()), RunOptions(workers=2, max_chunk=BLOCK))
    first, second = seen.values()
    assert not first & second


def test_no_tensors_are_no_work() -> None:
    assert run(Job("nothing", [], CopyAndCount()), RunOptions()) == {}


@dataclass(eq=False)
class Running(HeldCheckpoint):
    """Runs a pass of its own, of the same shape, when its second unit is read, as a merge may that measures late."""

    inner: Job | None = None

    def read_into(self, name: str, start: int, out: NDArray[Any]) -> None:
        if start >= BLOCK and self.inner is not None:
            run(self.inner, RunOptions(executor="serial"))
        super().read_into(name, start, out)


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_a_pass_within_a_pass_has_buffers_of_its_own(executor: str) -> None:
    ones, twos = (np.full(BLOCK + 10, value, np.float32) for value in (1, 2))
    other = HeldCheckpoint({"w": twos})
    inner = Job("inner", [aligned(other, "w", sources=1)], CopyAndCount(), (HeldSink(),))
    base, source, sink = HeldCheckpoint({"w": ones}), Running({"w": ones}, inner=inner), HeldSink()
    read = AlignedTensor("w", ones.shape, base.located("w"), (source.located("w"),), DType.F32)
    run(Job("outer", [read], CopyAndCount(), (sink,)), RunOptions(executor=executor, workers=1))
    assert sink.whole("w") == ones.tobytes()
