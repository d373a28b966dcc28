"""What lies beside the weights: a card that hubs can read, hashes of the inputs, the side files of the base."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import yaml
from layered_models import Workplace

from taskvec import RunOptions, TaskVector, merge
from taskvec._version import __version__
from taskvec.editing import file_hashes
from taskvec.editing.file_hashes import hash_files, known_hash, plan_hashes
from taskvec.editing.recipe.loading import parse_recipe

RECIPE = "base: base\nvectors: {math: math}\nresult: base + 0.5*math\nseed: 3\n"


def read_card(out: str = "out") -> tuple[dict[str, object], str]:
    _, front, text = Path(out, "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_the_card_says_what_was_merged_how_and_from_what(place: Workplace) -> None:
    merge(place.write(RECIPE), "out")
    front, text = read_card()
    assert front["base_model"] == ["base", "math"]
    assert front["base_model_relation"] == "merge"
    assert {"merge", "taskvec"} <= set(front["tags"])
    assert f"taskvec {__version__}; seed 3" in text
    for model in ("base", "math"):
        assert f"`sha256:{sha256(f'{model}/model.safetensors')}`" in text
    recipe = text.split("```yaml\n")[1].split("```")[0]
    assert parse_recipe(recipe, "card", place.folder).last == parse_recipe(RECIPE, "x", place.folder).last


def test_hashes_and_card_can_be_left_out(place: Workplace) -> None:
    merge(place.write(RECIPE), "out", sha256=False)
    assert "sha256:" not in read_card()[1]
    merge(place.write(RECIPE + "output: {card: false}\n"), "bare")
    assert sorted(path.name for path in Path("bare").iterdir()) == ["config.json", "model.safetensors", "recipe.yaml"]


def test_side_files_of_the_base_come_along_and_its_card_and_recipe_do_not(place: Workplace) -> None:
    for name, text in (
        ("LICENSE", "mine"),
        ("README.md", "old card"),
        ("recipe.yaml", "old"),
        ("generation_config.json", "{}"),
    ):
        (place.folder / "base" / name).write_text(text)
    merge(place.write(RECIPE), "out")
    assert Path("out/LICENSE").read_text(encoding="utf-8") == "mine"
    assert Path("out/generation_config.json").exists()
    assert "old" not in Path("out/recipe.yaml").read_text(encoding="utf-8")
    assert "old card" not in read_card()[1]
    TaskVector("base", "math").apply_to().save("plain")
    assert not Path("plain/recipe.yaml").exists()


def test_a_task_vector_is_no_model(place: Workplace) -> None:
    merge(place.write(RECIPE.replace("base + 0.5*math", "0.5*math")), "out")
    front, text = read_card()
    assert "base_model_relation" not in front
    assert "A task vector" in text
    assert not Path("out/config.json").exists()


def test_names_with_odd_characters_break_no_table(place: Workplace) -> None:
    Path("math").rename("ma|th`x`")
    merge(place.write("base: base\nvectors: {m: 'ma|th`x`'}\nresult: base + m\n"), "out")
    row = next(line for line in read_card()[1].splitlines() if line.startswith("| `m`"))
    assert row.count("|") == 5


def old(path: Path, seconds: int = 100) -> Path:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - seconds * 10**9))
    return path


def test_a_file_at_rest_is_read_once(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old(Path("math/model.safetensors").absolute())
    assert known_hash(path) is None
    assert len(plan_hashes([path], RunOptions())) == 1
    assert hash_files([path, path], RunOptions()) == {path: sha256(path)}
    assert known_hash(path) == sha256(path)
    assert plan_hashes([path], RunOptions()) == ()
    monkeypatch.setattr(file_hashes, "_sha256", lambda _: pytest.fail("read again"))
    assert hash_files([path], RunOptions()) == {path: sha256(path)}


def test_a_file_that_changed_is_read_again(place: Workplace) -> None:
    path = old(Path("math/model.safetensors").absolute())
    hash_files([path], RunOptions())
    path.write_bytes(b"other")
    assert known_hash(path) is None
    assert hash_files([path], RunOptions()) == {path: sha256(path)}


def test_a_file_that_has_just_changed_is_not_remembered(place: Workplace) -> None:
    path = Path("math/model.safetensors").absolute()
    path.touch()
    hash_files([path], RunOptions())
    assert known_hash(path) is None


def test_a_hub_s_cache_knows_the_hash(place: Workplace) -> None:
    digest = sha256("math/model.safetensors")
    blob = place.folder / "blobs" / digest
    blob.parent.mkdir()
    Path("math/model.safetensors").rename(blob)
    Path("math/model.safetensors").symlink_to(blob)
    assert known_hash(Path("math/model.safetensors").absolute()) == digest
    merge(place.write(RECIPE), "out", sha256=False)
    assert f"sha256:{digest}" in read_card()[1]


def test_a_cache_that_cannot_be_written_is_done_without(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.folder / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.folder / "file"))
    path = old(Path("math/model.safetensors").absolute())
    assert hash_files([path], RunOptions()) == {path: sha256(path)}
