"""``taskvec merge``: the same options as edit, a plan that writes nothing, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import Command, Models

RECIPE = "base: base\nvectors: {math: math, code: code}\nresult: base + 0.5*math - 0.25*code\n"


@pytest.fixture
def recipe(models: Models, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(models.folder / "cache"))
    Path("recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return "recipe.yaml"


def test_merge_writes_what_the_recipe_says(models: Models, recipe: str, done: Command) -> None:
    result = done("merge", recipe, "out", "--json").json
    assert result["tensors"] == {"edited": 4, "copied": 1}
    assert sorted(result["files"]) == sorted(path.name for path in Path("out").iterdir())
    found = load_file("out/model.safetensors")["layer.weight"]
    delta = 0.5 * models.delta("math", "layer.weight") - 0.25 * models.delta("code", "layer.weight")
    np.testing.assert_allclose(found, models.base["layer.weight"] + delta, atol=1e-6)


def test_options_are_those_of_edit_and_become_part_of_the_recipe(recipe: str, done: Command) -> None:
    done("merge", recipe, "out", "--dtype", "bf16", "--out-shard-size", "300", "--random-seed", "7", "-j", "1")
    assert len(list(Path("out").glob("*.safetensors"))) > 1
    text = Path("out/recipe.yaml").read_text(encoding="utf-8")
    assert "dtype: bf16" in text
    assert "seed: 7" in text
    done("merge", "out/recipe.yaml", "again")
    for path in Path("out").glob("*.safetensors"):
        assert path.read_bytes() == Path("again", path.name).read_bytes()


def test_an_edit_is_a_recipe_too(models: Models, store: str, done: Command) -> None:
    done("edit", store, "base + 0.5*ties(math, code)", "-o", "edited")
    done("merge", "edited/recipe.yaml", "again")
    assert Path("again/model.safetensors").read_bytes() == Path("edited/model.safetensors").read_bytes()


def test_a_dry_run_shows_the_plan_and_writes_nothing(recipe: str, done: Command) -> None:
    before = sorted(Path().iterdir())
    plan = done("merge", recipe, "out", "--dry-run", "--json").json["plan"]
    assert [one["label"] for one in plan["passes"]] == ["combine 2 sources", "hash 3 files (SHA-256)"]
    assert sorted(Path().iterdir()) == before


def test_hashing_can_be_left_out(recipe: str, done: Command) -> None:
    done("merge", recipe, "out", "--no-sha256")
    assert "sha256:" not in Path("out/README.md").read_text(encoding="utf-8")


def test_a_rule_may_be_allowed(models: Models, recipe: str, run: Command, done: Command) -> None:
    models.save("math", {**models.tasks["math"], "head": np.ones(3, np.float32)})
    assert "pass --allow extra" in run("merge", recipe, "out").stderr
    assert done("merge", recipe, "out", "--allow", "extra", "--json").json["rules"][0]["rule"] == "extra"
    done("merge", "out/recipe.yaml", "again")


def test_mistakes_are_one_line_and_leave_nothing(recipe: str, run: Command) -> None:
    Path("bad.yaml").write_text(RECIPE.replace("result", "reslt"), encoding="utf-8")
    answer = run("merge", "bad.yaml", "out")
    assert answer.status == 1
    assert answer.stderr.startswith("error: bad.yaml:3: unknown key 'reslt'; did you mean 'result'?")
    assert len(answer.stderr.splitlines()) == 1
    assert not Path("out").exists()
    assert "cannot be read" in run("merge", "none.yaml", "out").stderr
    done = run("merge", recipe, "out")
    assert done.status == 0
    assert "exists already" in run("merge", recipe, "out").stderr


def test_mergekit_s_yaml_is_read(models: Models, recipe: str, done: Command) -> None:
    Path("theirs.yaml").write_text(
        "merge_method: task_arithmetic\nbase_model: base\n"
        "models:\n- {model: math, parameters: {weight: 0.5}}\n- {model: code, parameters: {weight: -0.25}}\n",
        encoding="utf-8",
    )
    done("merge", "theirs.yaml", "theirs")
    done("merge", recipe, "ours")
    ours, theirs = (load_file(f"{out}/model.safetensors") for out in ("ours", "theirs"))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert json.loads(Path("theirs/config.json").read_text(encoding="utf-8")) == {"model_type": "tiny"}
