from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from passes import CopyAndCount, Cost, HeldCheckpoint, HeldSink, aligned

from taskvec.errors import MemoryLimitError, OutputError
from taskvec.numerics.kernels import TILE
from taskvec.streaming import Job, PlannedPass, RunOptions, make_plan, plan_pass, run
from taskvec.streaming.memory import one_run, parse_size
from taskvec.streaming.units import BLOCK

MANY = 40


def planned(options: RunOptions, *, num_params: int = 3 * BLOCK, sources: int = MANY) -> PlannedPass:
    checkpoint = HeldCheckpoint({"w": np.empty(num_params, np.float32)})
    return plan_pass("sum", [aligned(checkpoint, "w", sources=sources)], CopyAndCount(), options, num_outputs=1)


def test_bytes_are_those_of_the_tensors() -> None:
    plan = planned(RunOptions(), num_params=1000, sources=3)
    assert (plan.read_bytes, plan.written_bytes, plan.units) == (4 * 4000, 4000, 1)


def test_less_memory_makes_smaller_chunks_that_fit() -> None:
    plenty = planned(RunOptions(memory=8 << 30, workers=2))
    tight = planned(RunOptions(memory=plenty.projected_bytes - (1 << 20), workers=2))
    assert TILE <= tight.chunk_elements < plenty.chunk_elements
    assert tight.projected_bytes < plenty.projected_bytes


def test_a_small_model_takes_no_large_buffers() -> None:
    assert planned(RunOptions(), num_params=10).chunk_elements == TILE


def test_no_more_workers_than_units() -> None:
    assert planned(RunOptions(workers=64), num_params=10).workers == 1


def test_too_little_memory_names_the_least_that_would_do_and_it_does() -> None:
    with pytest.raises(MemoryLimitError, match=r"sum: 1.0 MiB of memory is not enough for 40 sources") as refusal:
        planned(RunOptions(memory=1 << 20, workers=2))
    least = re.search(r"the least that would do is (\w+): raise --memory", str(refusal.value))
    assert least is not None
    allowed = parse_size(least[1])
    assert planned(RunOptions(memory=allowed, workers=2)).projected_bytes <= allowed


def test_fewer_workers_before_a_refusal() -> None:
    alone = planned(RunOptions(memory=8 << 30, workers=1, max_chunk=TILE), num_params=70 * BLOCK // 4)
    crowd = planned(RunOptions(memory=alone.projected_bytes + (1 << 20), workers=64), num_params=70 * BLOCK // 4)
    assert 1 <= crowd.workers < 64


def costing(cost: Cost, options: RunOptions, num_params: int = 3 * BLOCK) -> PlannedPass:
    """A pass over a cheap tensor and one that costs; what the process holds is the same for all, for comparisons."""
    cheap, dear = (HeldCheckpoint({"w": np.empty(num_params, np.float32)}, cost=each) for each in (Cost(), cost))
    tensors = [aligned(checkpoint, "w", sources=2) for checkpoint in (cheap, dear)]
    with one_run(100 << 20):
        return plan_pass("sum", tensors, CopyAndCount(), options, num_outputs=1)


def test_what_reading_takes_is_planned_for_every_worker_and_what_it_holds_once() -> None:
    options = RunOptions(memory=8 << 30, workers=2)
    free, dear = costing(Cost(), options), costing(Cost(element=40, held=1 << 26), options)
    each = 40 * dear.chunk_elements
    assert dear.projected_bytes - free.projected_bytes == 2 * each + 3 * (1 << 26), "base and two sources hold"
    assert dear.chunk_elements == free.chunk_elements


def test_a_short_tensor_needs_no_scratch_of_a_whole_chunk() -> None:
    options = RunOptions(memory=8 << 30, workers=1)
    free, dear = costing(Cost(), options, num_params=10), costing(Cost(element=40), options, num_params=10)
    assert dear.projected_bytes - free.projected_bytes == 400


def test_where_reading_takes_much_less_is_read_at_once() -> None:
    options = RunOptions(memory=300 << 20, workers=2)
    free, dear = costing(Cost(), options), costing(Cost(element=4000), options)
    assert dear.chunk_elements < free.chunk_elements
    assert dear.projected_bytes <= options.memory
    with pytest.raises(MemoryLimitError, match="raise --memory"):
        costing(Cost(held=1 << 28), options)


def test_nothing_is_read_before_a_refusal() -> None:
    checkpoint, sink = HeldCheckpoint({"w": np.zeros(9, np.float32)}), HeldSink()
    with pytest.raises(MemoryLimitError):
        run(Job("copy", [aligned(checkpoint, "w")], CopyAndCount(), (sink,)), RunOptions(memory=1))
    assert not checkpoint.reads
    assert not sink.written


def test_a_full_disk_is_refused_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    little, target = shutil.disk_usage(tmp_path)._replace(free=1536 << 10), tmp_path / "new" / "out"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: little)
    assert make_plan([], RunOptions(), target=target, output_bytes=1536 << 10).free_disk_bytes == 1536 << 10
    with pytest.raises(OutputError, match=r"new/out: the output needs 2\.0 MiB and the disk has 1\.5 MiB free"):
        make_plan([], RunOptions(), target=target, output_bytes=2 << 20)
    assert not list(tmp_path.iterdir())


def test_a_plan_is_plain_data(tmp_path: Path) -> None:
    step = planned(RunOptions(), num_params=1000, sources=1)
    plan = make_plan([step], RunOptions(), target=tmp_path, output_bytes=5).to_json()
    assert plan["passes"][0]["label"] == "sum"
    assert plan["projected_bytes"] == step.projected_bytes <= plan["allowed_bytes"]
    assert plan["output_bytes"] == 5 < plan["free_disk_bytes"]
