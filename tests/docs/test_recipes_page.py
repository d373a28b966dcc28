"""The page about recipes: every YAML on it is a recipe that runs, and every key of the schema is on it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.tiny_llamas import save_llamas

from taskvec import RunOptions, Store, decompose, merge
from taskvec.editing.recipe.loading import load_recipe
from taskvec.editing.recipe.mergekit.schema import MergekitRecipe
from taskvec.editing.recipe.schema import Output, Recipe, SearchedParameter, Step, Vector
from taskvec.editing.recipe.settings import Blocks, Case
from taskvec.editing.write import Merging

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_llamas(tmp_path / "models")
    tokens = {str(row): row for row in range(8)}
    for model in ("base", "math", "code"):
        (tmp_path / "models" / model / "vocab.json").write_text(str(tokens).replace("'", '"'), encoding="utf-8")
    (tmp_path / "score.py").write_text("import os, sys\nprint(-os.path.getsize(sys.argv[1] + '/recipe.yaml'))\n")
    return tmp_path


@pytest.mark.parametrize("recipe", RECIPES, ids=[text.splitlines()[0] + f" {n}" for n, text in enumerate(RECIPES)])
def test_a_recipe_of_the_page_runs(place: Path, recipe: str) -> None:
    if recipe.startswith("store"):
        store = Store.init("STORE", "models/base")
        store.add({name: f"models/{name}" for name in ("math", "code", "law")})
        decompose(store, energy=0.9)
    (place / "recipe.yaml").write_text(recipe, encoding="utf-8")
    merge("recipe.yaml", "out")
    merge("out/recipe.yaml", "again")
    weights = [path.read_bytes() for path in sorted(Path("out").glob("*.safetensors"))]
    assert weights == [path.read_bytes() for path in sorted(Path("again").glob("*.safetensors"))]


def test_the_python_of_the_page_runs(place: Path) -> None:
    (place / "recipe.yaml").write_text(
        RECIPES[0].replace("0.4*", "lam*")
        + "parameters: {lam: {search: grid, points: 3}}\nvalidation: {command: ['true']}\n",
        encoding="utf-8",
    )
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = code.replace('merge("recipe.yaml", "out")\n', "")
    exec(compile(code, "recipes.md", "exec"), {})  # noqa: S102
    assert load_recipe("scored/recipe.yaml").last.parameters["lam"] == pytest.approx(0.02)


def test_the_first_example_is_what_it_says(place: Path) -> None:
    (place / "recipe.yaml").write_text(RECIPES[0], encoding="utf-8")
    file = load_recipe("recipe.yaml")
    assert file.last.base == str(place / "models" / "base")
    found = Merging(file, RunOptions()).editing().edited.read("model.norm.weight")
    from safetensors.numpy import load_file

    base, math, code = (
        load_file(f"models/{n}/model.safetensors")["model.norm.weight"] for n in ("base", "math", "code")
    )
    np.testing.assert_allclose(found, base + 0.4 * (math + code - 2 * base), atol=1e-6)


@pytest.mark.parametrize("part", [Recipe, Vector, Step, SearchedParameter, Output, Blocks, Case, MergekitRecipe])
def test_every_key_is_on_the_page(part: type[Recipe]) -> None:
    for key in part.model_fields:
        assert re.search(rf"\b{key}\b", PAGE), key
