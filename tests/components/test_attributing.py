"""Whose fine-tune is it? An unknown model is attributed to the task that it was made like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planted import plant
from taskvec import Store
from taskvec.checkpoints.local_files import use_files
from taskvec.components.attributing import Attribution, attribute, attributing
from taskvec.errors import DecompositionError
from taskvec.streaming import RunOptions, plan_steps
from taskvec.streaming.events import BytesDone, Event, PassStarted
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import SavedFamily
from taskvec.testing.files import HeadersAlone


@pytest.fixture
def models(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    base = {"w": rng.standard_normal((90, 60)).astype(np.float32), "bias": np.zeros(4, np.float32)}
    save_folder(tmp_path / "base", base)
    planted = plant(3, (90, 60), own=5, noise=0.1)
    for name, delta in zip("abc", planted.matrices, strict=True):
        save_folder(tmp_path / name, {**base, "w": base["w"] + delta})
    like_b = planted.matrices[1] + 0.02 * rng.standard_normal((90, 60), dtype=np.float32)
    save_folder(tmp_path / "unknown", {**base, "w": base["w"] + like_b})
    stranger = plant(1, (90, 60), own=5, noise=0.1, seed=99).matrices[0]
    save_folder(tmp_path / "stranger", {**base, "w": base["w"] + stranger})
    store = Store.init(tmp_path / "store", tmp_path / "base")
    store.add({name: tmp_path / name for name in "abc"})
    return tmp_path


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_model_is_attributed_to_the_task_that_it_is_like(models: Path, side: str) -> None:
    found = attribute(Store(models / "store"), models / "unknown", rank=8, side=side)
    assert found.nearest == "b"
    assert found.unique["b"] > 0.4
    assert found.unique["a"] < 3 * found.chance["a"]
    assert found.to_json().keys() == {"ref", "shared", "unique", "chance", "nearest"}


def test_a_stranger_is_nobodys(models: Path) -> None:
    found = attribute(Store(models / "store"), models / "stranger", rank=8)
    assert found.shared < 0.15
    for task, share in found.unique.items():
        assert share < 2.5 * found.chance[task]


def test_where_no_task_has_more_than_chance_nobody_is_named() -> None:
    shares = {"a": 0.02, "b": 0.05}
    assert Attribution("x", 0.0, shares, {"a": 0.03, "b": 0.05}).nearest is None
    assert Attribution("x", 0.0, shares, {"a": 0.03, "b": 0.04}).nearest == "b"


def test_the_plan_of_an_attribution_reads_no_weights(models: Path) -> None:
    with use_files(HeadersAlone()):
        store = Store(models / "store")
        plan = plan_steps(attributing(store, models / "unknown", rank=8), store.options)
    assert plan.projected_bytes <= plan.allowed_bytes
    assert [planned.read_bytes for planned in plan.passes] == [(2 + 3 + 1) * 90 * 60 * 4]
    assert plan.output_bytes == 0


def test_progress_of_an_attribution_adds_up(models: Path) -> None:
    events: list[Event] = []
    attribute(Store(models / "store", RunOptions(listener=events.append)), models / "unknown", rank=8)
    (started,) = [event for event in events if isinstance(event, PassStarted)]
    assert started.total_bytes == sum(event.count for event in events if isinstance(event, BytesDone)) > 0


def test_what_cannot_be_attributed_is_refused(models: Path, family: SavedFamily) -> None:
    store = Store(models / "store")
    with pytest.raises(DecompositionError, match="one side"):
        attribute(store, models / "unknown", rank=8, side="both")
    with pytest.raises(DecompositionError, match="nothing to attribute"):
        attribute(store, models / "base", rank=8)
