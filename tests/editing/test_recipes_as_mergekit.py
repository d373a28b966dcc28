"""Recipes that mergekit 0.1.5 has carried out: the same file gives the same tensors and values here.

``goldens/mergekit.safetensors`` is what ``benchmarks/mergekit_recipes.py`` wrote in mergekit's own environment.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.tiny_llamas import save_llamas
from safetensors.numpy import load_file

from taskvec import merge

GOLDENS = Path(__file__).parent / "goldens"
RECIPES = sorted(path.stem for path in GOLDENS.glob("*.yaml"))
TOLERANCE = 2e-6  # values are near 1, and mergekit computes in float32


@pytest.fixture
def llamas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_llamas(tmp_path)
    return tmp_path


def expected(recipe: str) -> dict[str, np.ndarray]:
    every = load_file(GOLDENS / "mergekit.safetensors")
    return {name.removeprefix(f"{recipe}/"): array for name, array in every.items() if name.startswith(f"{recipe}/")}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_gives_what_mergekit_gave(llamas: Path, recipe: str) -> None:
    merge(GOLDENS / f"{recipe}.yaml", "out")
    found, wanted = load_file("out/model.safetensors"), expected(recipe)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=TOLERANCE, err_msg=name)
    layers = {name.split(".")[2] for name in wanted if name.startswith("model.layers.")}
    assert json.loads(Path("out/config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == len(layers)


def test_every_recording_has_its_recipe() -> None:
    recorded = {name.split("/")[0] for name in load_file(GOLDENS / "mergekit.safetensors")}
    assert recorded == set(RECIPES)
