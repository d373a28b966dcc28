"""Stacks of layers from models whose head is tied to their embeddings, and from models with a head of its own."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from layered_models import layered_arrays

from taskvec import merge, open_checkpoint
from taskvec.testing.checkpoints import save_folder

HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
Arrays = dict[str, np.ndarray]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Arrays]:
    monkeypatch.chdir(tmp_path)
    made = {}
    for seed, name in enumerate(("one", "two", "own", "free")):
        arrays = layered_arrays(np.random.default_rng(seed), 1.0)
        is_tied = name in {"one", "two"}
        made[name] = {key: array for key, array in arrays.items() if key != HEAD or not is_tied}
        save_folder(tmp_path / name, made[name], config={"num_hidden_layers": 4, "tie_word_embeddings": is_tied})
    return made


def stacked(tmp_path: Path, *names: str) -> tuple[Arrays, bool]:
    """Return what loaders find, and whether they are told that the head is tied."""
    parts = [f"- sources: [{{model: {name}, layer_range: [0, 2]}}]\n" for name in names]
    (tmp_path / "recipe.yaml").write_text("merge_method: passthrough\nslices:\n" + "".join(parts), encoding="utf-8")
    merge("recipe.yaml", "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    with open_checkpoint("out") as checkpoint:
        return {name: checkpoint.read(name) for name in checkpoint.tensors}, config["tie_word_embeddings"]


def test_tied_models_make_a_tied_model(models: dict[str, Arrays], tmp_path: Path) -> None:
    found, is_tied = stacked(tmp_path, "one", "two")
    assert (HEAD in found, is_tied) == (False, True)
    np.testing.assert_array_equal(found[EMBEDDINGS], models["one"][EMBEDDINGS])


def test_a_head_of_the_last_model_is_not_dropped_because_the_first_has_none(
    models: dict[str, Arrays], tmp_path: Path
) -> None:
    found, is_tied = stacked(tmp_path, "one", "own")
    assert not is_tied
    np.testing.assert_array_equal(found[HEAD], models["own"][HEAD])
    np.testing.assert_array_equal(found[EMBEDDINGS], models["one"][EMBEDDINGS])


def test_the_embeddings_of_a_tied_last_model_are_the_head_that_the_first_asks_for(
    models: dict[str, Arrays], tmp_path: Path
) -> None:
    found, is_tied = stacked(tmp_path, "own", "one")
    assert not is_tied
    np.testing.assert_array_equal(found[HEAD], models["one"][EMBEDDINGS])
    np.testing.assert_array_equal(found[EMBEDDINGS], models["own"][EMBEDDINGS])


def test_heads_of_their_own_stay_so(models: dict[str, Arrays], tmp_path: Path) -> None:
    found, is_tied = stacked(tmp_path, "own", "free")
    assert not is_tied
    np.testing.assert_array_equal(found[HEAD], models["free"][HEAD])


@pytest.mark.parametrize("method", ["linear", "dare_ties"])
def test_a_merge_of_stacks_of_tied_models_is_tied(models: dict[str, Arrays], tmp_path: Path, method: str) -> None:
    slices = "".join(
        f"- sources: [{{model: one, layer_range: [{first}, {stop}]}}, {{model: two, layer_range: [{first}, {stop}]}}]\n"
        for first, stop in pairwise((0, 2, 4))
    )
    text = f"merge_method: {method}\nbase_model: one\nparameters: {{weight: 0.5}}\nslices:\n{slices}"
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    merge("recipe.yaml", "out")
    with open_checkpoint("out") as checkpoint:
        assert list(checkpoint.tensors) == list(models["one"])
        assert checkpoint.tied == {HEAD: EMBEDDINGS}
