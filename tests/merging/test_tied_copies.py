"""A head that a file repeats beside the embeddings it is tied to goes where they go, whatever masks are drawn by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from taskvec import Store, edit, merge, open_checkpoint
from taskvec.errors import AlignmentError
from taskvec.testing.checkpoints import save_folder

HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
NAMES = ("base", "math", "law")


def save(folder: Path, seed: int, *, head: str, is_tied: bool = True) -> None:
    rng = np.random.default_rng(seed)
    arrays = {EMBEDDINGS: rng.standard_normal((40, 8)).astype(np.float32), "model.norm.weight": np.ones(8, np.float32)}
    if head != "none":
        arrays[HEAD] = arrays[EMBEDDINGS] + np.float32(head == "own")
    save_folder(folder, arrays, config={"tie_word_embeddings": is_tied})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(NAMES):
        save(tmp_path / name, seed, head="copy")
    return tmp_path


def check_tied(out: Path) -> None:
    with open_checkpoint(out) as checkpoint:
        np.testing.assert_array_equal(checkpoint.read(HEAD), checkpoint.read(EMBEDDINGS))
        assert checkpoint.tied == {HEAD: EMBEDDINGS}
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["tie_word_embeddings"] is True


@pytest.mark.parametrize("expression", ["base + 0.5*(math + law)", "base + dare_ties(math, law)"])
def test_an_edit_leaves_them_tied(place: Path, expression: str) -> None:
    store = Store.init("store", "base")
    store.add({"math": "math", "law": "law"})
    edit(store, expression, "out")
    check_tied(place / "out")


@pytest.mark.parametrize(
    "parameters", ["{weight: 0.5, density: 0.5}", "{weight: [{filter: lm_head, value: 0}, {value: 1}]}"]
)
def test_a_recipe_leaves_them_tied(place: Path, parameters: str) -> None:
    models = "".join(f"- {{model: {name}, parameters: {parameters}}}\n" for name in NAMES[1:])
    (place / "recipe.yaml").write_text(
        f"merge_method: dare_ties\nbase_model: base\nmodels:\n{models}", encoding="utf-8"
    )
    merge("recipe.yaml", "out")
    check_tied(place / "out")


@pytest.mark.parametrize("base", ["copy", "none"])
def test_a_fine_tune_that_is_no_longer_tied_is_refused(place: Path, base: str) -> None:
    save(place / "base", 0, head=base)
    save(place / "math", 1, head="own", is_tied=False)
    store = Store.init("store", "base")
    with pytest.raises(AlignmentError, match=r"lm_head.weight has weights of its own in .*math and is tied to"):
        store.add({"math": "math"})
