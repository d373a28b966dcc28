"""What is written: layout, record, sidecars, and nothing at all where something fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import oracles
from tampering import picture
from taskvec import Store, TaskVector, edit, open_checkpoint
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_store import ground_of
from taskvec.errors import CheckpointError, MemoryLimitError, OutputError
from taskvec.streaming import RunOptions
from taskvec.streaming.events import Event, PassStarted
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family, SavedFamily
from taskvec.types import DType
from taskvec.vectors.output import OutputOptions


def test_the_output_is_what_others_read(store: Store, tmp_path: Path) -> None:
    result = edit(store, "base + 0.5*math", tmp_path / "out")
    assert (
        sorted(path.name for path in result.out.iterdir())
        == sorted(result.files)
        == ["README.md", "config.json", "model.safetensors", "recipe.yaml"]
    )
    theirs = safetensors.numpy.load_file(tmp_path / "out" / "model.safetensors")
    ours = oracles.load(tmp_path / "out")
    assert theirs.keys() == ours.keys()
    assert theirs["embed.weight"].tobytes() == ours["embed.weight"].tobytes()
    assert (result.edited, result.copied) == (5, 1)
    assert result.num_bytes == sum(array.nbytes for array in ours.values())


def test_shards_hold_the_same_as_one_file(store: Store, tmp_path: Path) -> None:
    edit(store, "base + 0.5*math", tmp_path / "one")
    result = edit(store, "base + 0.5*math", tmp_path / "many", output=OutputOptions(shard_size=100))
    assert len([name for name in result.files if name.endswith(".safetensors")]) > 1
    index = json.loads((tmp_path / "many" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == result.num_bytes
    assert oracles.bits(oracles.load(tmp_path / "one")) == oracles.bits(oracles.load(tmp_path / "many"))


def test_small_files_of_the_base_come_along_and_its_card_does_not(saved: SavedFamily, tmp_path: Path) -> None:
    (saved.base / "tokenizer.json").write_text("{}")
    (saved.base / "README.md").write_text("of the base")
    (saved.finetuned["math"] / "notes.txt").write_text("of the fine-tune")
    TaskVector(saved.base, saved.finetuned["math"]).apply_to().save(tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"config.json", "tokenizer.json", "model.safetensors"}


def test_the_output_says_how_it_was_made(store: Store, tmp_path: Path) -> None:
    edit(store, "base + 0.5*(math - law)", tmp_path / "out", output=OutputOptions(record={"note": "größe"}))
    with open_checkpoint(tmp_path / "out") as out:
        assert out.metadata["format"] == "pt"
        record = json.loads(out.metadata["taskvec"])
    assert record["kind"] == "checkpoint"
    assert record["base"] == store.base.identity
    assert record["expression"] == "base + 0.5*(math - law)"
    assert record["sources"] == {name: store.documents.vector(name).source.fingerprint for name in ("math", "law")}
    assert record["note"] == "größe"
    assert record["rules"] == record["allow"] == []


def test_an_edited_model_is_a_model_again(store: Store, tmp_path: Path) -> None:
    edit(store, "base + math", tmp_path / "out")
    store.add({"again": tmp_path / "out"})
    assert store["again"].cosine(store["math"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "dangling link"])
def test_what_exists_is_never_overwritten(store: Store, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    match kind:
        case "folder":
            (out / "inner").mkdir(parents=True)
        case "empty folder":
            out.mkdir()
        case "file":
            out.write_text("precious")
        case "dangling link":
            out.symlink_to(tmp_path / "nowhere")
    before = picture(tmp_path)
    with pytest.raises(OutputError, match=r"out:? exists already"):
        edit(store, "base + math", out)
    assert picture(tmp_path) == before


def test_nothing_is_left_of_an_output_whose_source_changes_meanwhile(
    saved: SavedFamily, family: Family, tmp_path: Path
) -> None:
    def replace_source(event: Event) -> None:
        if isinstance(event, PassStarted):
            save_folder(saved.finetuned["math"], family.finetuned["law"])

    (tmp_path / "outputs").mkdir()
    vector = TaskVector(saved.base, saved.finetuned["math"])
    with pytest.raises(CheckpointError, match=r"models/math/model.safetensors: changed after its header was read"):
        vector.apply_to().save(tmp_path / "outputs" / "out", options=RunOptions(listener=replace_source))
    assert not list((tmp_path / "outputs").iterdir())


def test_a_limit_too_small_leaves_nothing(store: Store, tmp_path: Path) -> None:
    tight = Store(store.path, RunOptions(memory=1 << 20))
    before = picture(tmp_path)
    with pytest.raises(MemoryLimitError, match="the least that would do is"):
        edit(tight, "base + math", tmp_path / "out")
    assert picture(tmp_path) == before


def test_a_plan_touches_nothing_and_tells_all(store: Store, tmp_path: Path) -> None:
    editing = Editing.of(ground_of(store), "base + math + law", output=OutputOptions(dtype=DType.F32))
    before = picture(tmp_path)
    plan = editing.plan(tmp_path / "out")
    assert picture(tmp_path) == before
    editing.save(tmp_path / "out")
    weights = (tmp_path / "out" / "model.safetensors").stat().st_size
    assert abs(plan.output_bytes - weights) < 1024
    (step,) = plan.passes
    assert step.read_bytes == 3 * store.base.checkpoint.nbytes
    assert step.written_bytes == sum(array.nbytes for array in oracles.load(tmp_path / "out").values())


@pytest.mark.parametrize("dtype", [DType.F32, DType.F16, DType.BF16])
def test_only_what_is_combined_is_cast(store: Store, tmp_path: Path, dtype: DType) -> None:
    edit(store, "base + math", tmp_path / "out", output=OutputOptions(dtype=dtype))
    with open_checkpoint(tmp_path / "out") as out:
        dtypes = {name: info.dtype for name, info in out.tensors.items()}
    assert dtypes.pop("position_ids") == DType.I64
    assert set(dtypes.values()) == {dtype}


def test_a_value_between_two_numbers_is_rounded_once_to_even(tmp_path: Path) -> None:
    """1 + 2⁻⁸ is a tie of bfloat16 and goes down; the least bit above it goes up."""
    base = save_folder(tmp_path / "b", {"w": np.array([1.0, 1.0, 1.0], np.float32)})
    tuned = save_folder(tmp_path / "t", {"w": np.array([1 + 2**-8, 1 + 2**-8 + 2**-17, 1 + 3 * 2**-8], np.float32)})
    read = TaskVector(base, tuned).apply_to()
    read.save(tmp_path / "out", OutputOptions(dtype=DType.BF16))
    found = oracles.load(tmp_path / "out")["w"].astype(np.float64)
    assert found.tolist() == [1.0, 1 + 2**-7, 1 + 2**-6]
