"""What a run may hold, what it is told that it will hold, and what it does when that is too much: by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from passes import CopyAndCount, HeldCheckpoint, aligned

from taskvec.checkpoints.local_files import use_files
from taskvec.errors import MemoryLimitError, OutputError
from taskvec.numerics.kernels import TILE
from taskvec.streaming import PlannedPass, RunOptions, plan, plan_pass
from taskvec.streaming.memory import one_run
from taskvec.streaming.units import BLOCK
from taskvec.testing.files import FaultyFiles

MIB = 1 << 20
SLACK = 24 * MIB
TENSOR = 1024


class Greedy(CopyAndCount):
    """Takes so much of everything that all of it is seen in a plan."""

    def scratch_bytes(self, num_sources: int) -> int:
        return 5 * MIB * num_sources

    def held_bytes(self) -> int:
        return 7 * MIB


def planned(num_params: int = 4 * BLOCK, sources: int = 3, outputs: int = 2, **options: object) -> PlannedPass:
    checkpoint = HeldCheckpoint({"w": np.empty(num_params, np.float32)})
    tensors = [aligned(checkpoint, "w", sources=sources)]
    given = RunOptions(**{"memory": 8 << 30, **options})  # type: ignore[arg-type]
    with one_run(100 * MIB):
        return plan_pass("sum", tensors, Greedy(), given, num_outputs=outputs)


@pytest.mark.parametrize(("resident", "allowed"), [(100 * MIB, 1 << 30), (512 * MIB, 1 << 30), (3 << 30, 7 << 29)])
def test_a_gibibyte_is_allowed_or_half_a_one_more_than_is_held(
    resident: int, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "resident_bytes", lambda: resident)
    assert RunOptions().memory == allowed


@pytest.mark.parametrize(("cores", "workers"), [(7, 7), (None, 1)])
def test_a_worker_a_core(cores: int | None, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan.os, "cpu_count", lambda: cores)
    assert RunOptions().workers == workers


def test_what_is_projected_is_what_everything_takes() -> None:
    reserved = (100 + 7) * MIB + SLACK + TENSOR
    one = planned(workers=1, max_chunk=4 * TILE)
    assert (one.workers, one.chunk_elements) == (1, 4 * TILE)
    assert one.projected_bytes == reserved + 15 * MIB + 4 * (1 + 3 + 2) * 4 * TILE
    three = planned(workers=3, max_chunk=4 * TILE)
    assert three.projected_bytes == reserved + 3 * (one.projected_bytes - reserved)


def test_a_chunk_is_no_longer_than_asked_for_nor_than_the_longest_tensor() -> None:
    assert planned(max_chunk=4 * TILE + TILE // 2).chunk_elements == 4 * TILE
    assert planned(max_chunk=1).chunk_elements == TILE
    assert planned(num_params=2 * TILE + 1).chunk_elements == 3 * TILE
    assert planned().chunk_elements == 1 << 18


def test_exactly_enough_is_enough() -> None:
    wanted = planned(workers=2, max_chunk=4 * TILE)
    assert planned(workers=2, max_chunk=4 * TILE, memory=wanted.projected_bytes) == wanted
    less = planned(workers=2, max_chunk=4 * TILE, memory=wanted.projected_bytes - 1)
    assert (less.workers, less.chunk_elements) == (2, 2 * TILE)


def test_chunks_are_halved_before_workers_are_sent_away() -> None:
    smallest = planned(workers=2, max_chunk=TILE)
    less = planned(workers=2, max_chunk=4 * TILE, memory=smallest.projected_bytes - 1)
    assert (less.workers, less.chunk_elements) == (1, 4 * TILE), "whoever is left has room again"
    odd = planned(workers=1, max_chunk=3 * TILE)
    assert planned(workers=1, max_chunk=3 * TILE, memory=odd.projected_bytes - 1).chunk_elements == TILE


def test_a_refusal_names_the_least_with_room_for_a_larger_start() -> None:
    least = planned(workers=1, max_chunk=TILE).projected_bytes
    assert planned(memory=least).projected_bytes == least
    with pytest.raises(MemoryLimitError, match=r"sum: .* is not enough for 3 sources") as refused:
        planned(memory=least - 1)
    rounded = -(-(least + 8 * MIB) // MIB)
    assert refused.value.least_bytes == rounded * MIB
    assert f"the least that would do is {rounded}MiB: raise --memory" in str(refused.value)


@pytest.mark.parametrize(("available", "forgets"), [(None, False), (64, True), (127, True), (128, False)])
def test_what_was_read_is_let_go_where_half_of_what_is_free_would_not_hold_it(
    available: int | None, forgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "available_bytes", lambda: available)
    assert planned(num_params=4).read_bytes == 64
    assert planned(num_params=4).forgets is forgets


def test_what_is_written_is_what_all_outputs_take() -> None:
    assert planned(num_params=5, outputs=3).written_bytes == 3 * 5 * 4


@pytest.mark.parametrize(("free", "is_enough"), [(99, False), (100, True), (101, True)])
def test_a_disk_that_is_full_afterwards_is_large_enough(free: int, is_enough: bool, tmp_path: Path) -> None:
    if is_enough:
        with use_files(FaultyFiles(free=free)):
            made = plan.make_plan([], RunOptions(), target=tmp_path / "a" / "b", output_bytes=100)
        assert (made.output_bytes, made.free_disk_bytes) == (100, free)
        return
    refused = pytest.raises(OutputError, match="the output needs 100 B and the disk has 99 B free")
    with use_files(FaultyFiles(free=free)), refused:
        plan.make_plan([], RunOptions(), target=tmp_path / "a" / "b", output_bytes=100)


def test_nothing_to_read_takes_one_tile() -> None:
    with one_run(0):
        nothing = plan_pass("nothing", [], CopyAndCount(), RunOptions(workers=4))
    assert (nothing.units, nothing.workers, nothing.chunk_elements, nothing.read_bytes) == (0, 1, TILE, 0)
    assert nothing.projected_bytes == SLACK + 4 * TILE


def test_a_plan_holds_the_most_that_a_pass_does() -> None:
    passes = [planned(workers=1), planned(workers=3), planned(workers=2)]
    joined = plan.make_plan(passes, RunOptions(memory=5 << 30))
    assert joined.projected_bytes == passes[1].projected_bytes > passes[2].projected_bytes
    assert (joined.allowed_bytes, joined.output_bytes, joined.free_disk_bytes) == (5 << 30, 0, None)
