"""TIES of large tensors and of many tasks: counted once where that is enough, merged in one kernel, and exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import oracles
from example_edits import edit_of_checkpoints
from taskvec import RunOptions, TaskVector
from taskvec.errors import AlignmentError
from taskvec.merging import cuts, magnitudes
from taskvec.merging.computed import Computed
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS, ties
from taskvec.streaming import AlignedTensor, Chunk
from taskvec.streaming.events import Event, PassStarted
from taskvec.streaming.units import BLOCK
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family, SavedFamily

SIZE = BLOCK + 4321
HIGH, LOW = "count high bits of 3 vectors", "count low bits of 3 vectors"


class Passes:
    """What the engine was asked to do."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.options = RunOptions(listener=self)

    def __call__(self, event: Event) -> None:
        if isinstance(event, PassStarted):
            self.labels.append(event.label)


@pytest.fixture
def passes() -> Passes:
    return Passes()


def three_tasks(folder: Path, scale: np.ndarray) -> tuple[dict[str, TaskVector], np.ndarray]:
    """Deltas from a base of zeros, few of equal magnitude but for those that bfloat16 makes so."""
    rng = np.random.default_rng(5)
    base = save_folder(folder / "base", {"w": np.zeros(SIZE, ml_dtypes.bfloat16)})
    tuned = {name: (scale * rng.standard_normal(SIZE)).astype(ml_dtypes.bfloat16) for name in "abc"}
    vectors = {name: TaskVector(base, save_folder(folder / name, {"w": row})) for name, row in tuned.items()}
    return vectors, np.stack([row.astype(np.float64) for row in tuned.values()])


@pytest.mark.parametrize(
    ("first", "expected"),
    [(1.0, [HIGH]), (2.0**-9, [HIGH, LOW])],
    ids=["pieces that are alike", "a first piece that says nothing of the others"],
)
def test_a_large_tensor_is_counted_once_where_its_pieces_are_alike(
    first: float, expected: list[str], tmp_path: Path, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(magnitudes, "_KEYS_APART", 0)  # as if there were too many pieces to keep the counts of each
    vectors, rows = three_tasks(tmp_path, np.where(np.arange(SIZE) < BLOCK, first, 1.0))
    density = 0.3 * (SIZE - BLOCK) / SIZE if first < 1 else 0.3
    merge = Merge("ties", vectors, {"density": density}, options=passes.options)
    found = merge.vector.apply_to().read("w")
    assert passes.labels == expected
    np.testing.assert_array_equal(found, ties(rows, density=density).astype(ml_dtypes.bfloat16).astype(np.float32))


@pytest.mark.parametrize(("method", "most"), [("ties", 0), ("breadcrumbs", 6)])
def test_equal_magnitudes_are_looked_for_only_where_they_must_be_known_beforehand(
    method: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TIES counts them as it goes; who masks by index has two cuts, and looks at the task that is cut alone."""
    read: list[int] = []
    spans = cuts.spans

    def recorded(tensor: AlignedTensor, first: int, stop: int) -> Iterator[Chunk]:
        read.append(len(tensor.sources))
        return spans(tensor, first, stop)

    monkeypatch.setattr(cuts, "spans", recorded)
    vectors, rows = three_tasks(tmp_path, np.ones(SIZE))
    given = {"density": [0.2, 0.2, 0.9]}
    found = Merge(method, vectors, given).vector.apply_to().read("w")
    expected = METHODS[method](rows, **given).astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(found, expected)
    assert (sum(read) > 0) == (most > 0)
    assert sum(read) <= most


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "equal weights": {"weight": 0.3, "normalize": False},
    "weights that differ": {"weight": [0.3, -1.1, 2.0, 0.0]},
    "scaled": {"scaling": 0.7, "density": [0.1, 0.9, 0.5, 1.0]},
    "the model as one": {"trim": "model", "density": 0.3},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_one_kernel_makes_the_bits_of_one_step_after_another(
    options: Mapping[str, Any], saved: SavedFamily, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = {name: TaskVector(saved.base, ref) for name, ref in saved.finetuned.items()}
    vectors = {**tasks, "d": 2 * tasks["d"] - 0.5 * tasks["a"]}

    def bits() -> dict[str, bytes]:
        (form,) = Merge("ties", vectors, options).vector.terms
        return {name: form.source.checkpoint.read(name).tobytes() for name in oracles.combinable(family.base)}

    at_once = bits()
    monkeypatch.setattr(Computed, "_fused_at", lambda self, tensor: None)
    assert at_once == bits()


def test_many_tasks_are_counted_a_few_at_a_time(
    saved: SavedFamily, family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expression = "base + ties(a, b, c, d, density=[0.2, 0.4, 0.6, 0.8])"
    edit_of_checkpoints(saved.base, saved.finetuned, expression).save(tmp_path / "together")
    monkeypatch.setattr(cuts, "_AT_ONCE", 3)
    editing = edit_of_checkpoints(saved.base, saved.finetuned, expression)
    labels = [planned.label for planned in editing.plan(tmp_path / "apart").passes]
    counted = [f"count {bits} bits of {size} vectors" for size in (3, 1) for bits in ("high", "low")]
    assert labels == ["compare 1 copied tensors", *counted, "combine 1 sources"]
    editing.save(tmp_path / "apart")
    assert oracles.bits(oracles.load(tmp_path / "apart")) == oracles.bits(oracles.load(tmp_path / "together"))
    other = {**family.finetuned["d"], "position_ids": family.base["position_ids"] + 1}
    refs = {**saved.finetuned, "d": save_folder(tmp_path / "other", other)}
    with pytest.raises(AlignmentError, match="position_ids"):
        edit_of_checkpoints(saved.base, refs, expression).save(tmp_path / "out")
