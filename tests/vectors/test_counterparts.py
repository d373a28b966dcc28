"""The same tensor under other names: prefixes and wrappers, tied copies, buffers, states of a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskvec import Store, TaskvecError, TaskVector
from taskvec.checkpoints import open_checkpoint
from taskvec.checkpoints.renaming import renamed
from taskvec.testing.checkpoints import Array, save_folder
from taskvec.vectors.alignment import Rule, align

Arrays = dict[str, Array]

BASE: Arrays = {
    "model.embed_tokens.weight": np.arange(8, dtype=np.float32).reshape(4, 2),
    "model.layers.0.weight": np.ones((2, 2), np.float32),
    "model.norm.weight": np.ones(2, np.float32),
}
HEAD = "lm_head.weight"


def tuned(arrays: Arrays) -> Arrays:
    return {name: array + 1 for name, array in arrays.items()}


def uses(vector: TaskVector) -> dict[Rule, tuple[str, ...]]:
    return {use.rule: use.tensors for use in align(vector.base.checkpoint, list(vector.terms)).uses}


def edited(vector: TaskVector) -> dict[str, Array]:
    return {name: vector.apply_to().read(name) for name in vector.base.checkpoint.tensors}


RENAMED = {
    "model. taken away": lambda name: name.removeprefix("model."),
    "module. put before": lambda name: f"module.{name}",
    "compiled": lambda name: f"_orig_mod.{name}",
    "compiled within": lambda name: name.replace("layers.0.", "layers.0._orig_mod."),
    "compiled and parallel": lambda name: f"module._orig_mod.{name}",
    "sharded": lambda name: name.replace("model.", "model._fsdp_wrapped_module."),
}


CASES = [(case, False) for case in RENAMED] + [("model. taken away", True), ("module. put before", True)]


@pytest.mark.parametrize(("case", "is_base"), CASES)
def test_prefixes_are_recognised_and_said(tmp_path: Path, case: str, is_base: bool) -> None:
    change = RENAMED[case]
    first, second = BASE, {change(name): array for name, array in tuned(BASE).items()}
    if is_base:
        first, second = {change(name): array for name, array in BASE.items()}, tuned(BASE)
    vector = TaskVector(save_folder(tmp_path / "base", first), save_folder(tmp_path / "tuned", second))
    for name, values in edited(vector).items():
        np.testing.assert_array_equal(values, first[name] + 1)
    assert set(uses(vector)) == {Rule.PREFIX}


def test_a_tied_tensor_may_be_there_twice(tmp_path: Path) -> None:
    """The base stores one name and points at the other in its configuration; the fine-tune stores both."""
    base = save_folder(tmp_path / "base", BASE, config={"tie_word_embeddings": True})
    both = {**tuned(BASE), HEAD: BASE["model.embed_tokens.weight"] + 1}
    vector = TaskVector(base, save_folder(tmp_path / "both", both))
    assert uses(vector) == {Rule.TIED: (HEAD,)}
    np.testing.assert_array_equal(edited(vector)["model.embed_tokens.weight"], both[HEAD])
    other = {**both, HEAD: both[HEAD] + 1}
    with pytest.raises(TaskvecError, match=r"lm_head.weight has weights of its own in .* is tied to model.embed"):
        TaskVector(base, save_folder(tmp_path / "other", other))


def test_a_base_may_hold_twice_what_the_fine_tune_ties(tmp_path: Path) -> None:
    twice = {**BASE, HEAD: BASE["model.embed_tokens.weight"].copy()}
    base = save_folder(tmp_path / "base", twice)
    vector = TaskVector(base, save_folder(tmp_path / "tuned", tuned(BASE)))
    assert uses(vector) == {Rule.TIED: (HEAD,)}
    np.testing.assert_array_equal(edited(vector)[HEAD], twice[HEAD] + 1)
    apart = {**twice, HEAD: twice[HEAD] * 2}
    with pytest.raises(TaskvecError, match=r"lm_head.weight is in the base .* and missing"):
        TaskVector(save_folder(tmp_path / "apart", apart), save_folder(tmp_path / "again", tuned(BASE)))


def test_buffers_and_training_states_are_left_out_by_name(tmp_path: Path) -> None:
    beside: Arrays = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2, np.float32),
        "transformer.h.0.attn.bias": np.ones((1, 1, 4, 4), bool),
        "optimizer.state.0.exp_avg": np.ones(3, np.float32),
    }
    base, other = save_folder(tmp_path / "b", BASE), save_folder(tmp_path / "t", {**tuned(BASE), **beside})
    found = uses(TaskVector(base, other))
    assert found == {Rule.BUFFERS: tuple(list(beside)[:2]), Rule.TRAINING: (list(beside)[2],)}
    kept = TaskVector(other, base)
    assert uses(kept)[Rule.BUFFERS] == tuple(list(beside)[:2]), "a buffer of the base is kept as it is"


def test_a_bias_is_no_mask(tmp_path: Path) -> None:
    arrays = {**BASE, "h.0.attn.bias": np.ones(2, np.float32)}
    base, other = save_folder(tmp_path / "b", BASE), save_folder(tmp_path / "t", arrays)
    with pytest.raises(TaskvecError, match=r"attn.bias is in"):
        TaskVector(base, other)


LAYOUTS = {
    "Stable Diffusion": ("model.diffusion_model.input_blocks.0.weight", "down_blocks.0.weight", "from_single_file"),
    "Flux": ("double_blocks.0.img_attn.qkv.weight", "single_transformer_blocks.0.weight", "from_single_file"),
    "experts": ("model.experts.0.w1.weight", "model.experts.gate_up_proj", "transformers"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_two_layouts_of_one_model_are_told_apart(tmp_path: Path, case: str) -> None:
    first, second, remedy = LAYOUTS[case]
    one = save_folder(tmp_path / "one", {first: np.ones((2, 2), np.float32)})
    two = save_folder(tmp_path / "two", {second: np.ones((2, 2), np.float32)})
    with pytest.raises(TaskvecError, match=rf"layout|apart .*{remedy}") as caught:
        TaskVector(one, two)
    assert remedy in str(caught.value)


def test_declared_renames(tmp_path: Path) -> None:
    other = {name.replace("layers", "h").replace("model", "lm"): array for name, array in tuned(BASE).items()}
    checkpoint = open_checkpoint(save_folder(tmp_path / "t", other))
    base = open_checkpoint(save_folder(tmp_path / "b", BASE))
    vector = TaskVector(base, renamed(checkpoint, ["lm.h.*=model.layers.*", "lm.*=model.*"]))
    for name, values in edited(vector).items():
        np.testing.assert_array_equal(values, BASE[name] + 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a*=b", "as many"), ("nothing", "OLD=NEW"), ("lost.*=x.*", "matches no tensor")],
)
def test_a_rename_that_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    checkpoint = open_checkpoint(save_folder(tmp_path, BASE))
    with pytest.raises(TaskvecError, match=said):
        renamed(checkpoint, [text])


def test_renames_that_collide_are_refused(tmp_path: Path) -> None:
    arrays = {"a.x": np.ones(1, np.float32), "b.x": np.ones(1, np.float32)}
    checkpoint = open_checkpoint(save_folder(tmp_path, arrays))
    with pytest.raises(TaskvecError, match=r"would all be renamed to 'a.x'"):
        renamed(checkpoint, ["b.*=a.*"])


def test_a_store_remembers_renames(tmp_path: Path) -> None:
    other = {name.replace("model", "lm"): array for name, array in tuned(BASE).items()}
    store = Store.init(tmp_path / "store", save_folder(tmp_path / "b", BASE))
    store.add({"t": save_folder(tmp_path / "t", other)}, renames=["lm.*=model.*"])
    again = Store(store.path)
    assert again["t"].norm() == pytest.approx(np.sqrt(14))
    assert again.verify() == []


@pytest.mark.parametrize(
    "names", [["model.experts.gate_up_proj"], ["model.experts.0.w1.weight", "model.experts.1.w1.weight"]]
)
def test_experts_of_one_layout_are_merged_as_they_are(tmp_path: Path, names: list[str]) -> None:
    shape = (2, 6, 4) if len(names) == 1 else (6, 4)
    rng = np.random.default_rng(0)
    models = {m: {n: rng.standard_normal(shape).astype(np.float32) for n in names} for m in ("base", "math", "code")}
    folders = {model: save_folder(tmp_path / model, arrays) for model, arrays in models.items()}
    merged = 0.5 * (TaskVector(folders["base"], folders["math"]) + TaskVector(folders["base"], folders["code"]))
    for name in names:
        wanted = 0.5 * (models["math"][name] + models["code"][name])
        np.testing.assert_allclose(merged.apply_to().read(name), wanted, atol=1e-6)
