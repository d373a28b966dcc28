"""Tied names, order and mixtures of dtypes: what belongs together is found by name alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import oracles
from taskvec import Store, TaskVector, edit, open_checkpoint
from taskvec.errors import AlignmentError
from taskvec.testing.checkpoints import Array, save_folder
from taskvec.testing.families import Family
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.forms import Dense, Difference, Source

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"
TIED = {"tie_word_embeddings": True}
BASE = {EMBEDDINGS: np.arange(6, dtype=np.float32).reshape(3, 2), "norm": np.ones(2, np.float32)}
TUNED = {EMBEDDINGS: BASE[EMBEDDINGS] + 0.5, "norm": np.full(2, 2.0, np.float32)}


def save(folder: Path, arrays: dict[str, Array], *, tied: bool) -> Path:
    return save_folder(folder, arrays, config=TIED if tied else None)


def renamed(arrays: dict[str, Array]) -> dict[str, Array]:
    return {HEAD if name == EMBEDDINGS else name: array for name, array in arrays.items()}


def with_head(arrays: dict[str, Array]) -> dict[str, Array]:
    return {**arrays, HEAD: arrays[EMBEDDINGS]}


def test_names_tied_in_both_count_once(tmp_path: Path) -> None:
    vector = TaskVector(save(tmp_path / "b", BASE, tied=True), save(tmp_path / "t", TUNED, tied=True))
    assert vector.norm() ** 2 == pytest.approx(6 * 0.25 + 2)


def test_names_tied_in_the_fine_tune_alone_count_as_often_as_the_base_has_them(tmp_path: Path) -> None:
    base, tuned = save(tmp_path / "b", with_head(BASE), tied=False), save(tmp_path / "t", TUNED, tied=True)
    TaskVector(base, tuned).apply_to().save(tmp_path / "out")
    found = oracles.load(tmp_path / "out")
    assert found.keys() == {*BASE, HEAD}
    assert found[HEAD].tolist() == found[EMBEDDINGS].tolist() == TUNED[EMBEDDINGS].tolist()


def test_the_same_data_under_the_other_of_two_tied_names_is_found(tmp_path: Path) -> None:
    base = save_folder(tmp_path / "b", renamed(BASE), metadata={EMBEDDINGS: HEAD})
    tuned = save(tmp_path / "t", TUNED, tied=False)
    TaskVector(base, tuned).apply_to().save(tmp_path / "out")
    assert oracles.load(tmp_path / "out")[HEAD].tolist() == TUNED[EMBEDDINGS].tolist()


def test_weights_of_its_own_under_a_name_that_the_base_ties_are_not_dropped(tmp_path: Path) -> None:
    own_head = {**TUNED, HEAD: TUNED[EMBEDDINGS] + 1}
    base, tuned = save(tmp_path / "b", BASE, tied=True), save(tmp_path / "t", own_head, tied=False)
    with pytest.raises(
        AlignmentError, match=r"tensor lm_head.weight has weights of its own in .*/t and is tied to model.embed_tokens"
    ):
        TaskVector(base, tuned)


def test_tied_names_of_the_base_are_tied_in_the_output(tmp_path: Path) -> None:
    base = save_folder(tmp_path / "b", BASE, metadata={HEAD: EMBEDDINGS})
    tuned = save_folder(tmp_path / "t", TUNED, metadata={HEAD: EMBEDDINGS})
    TaskVector(base, tuned).apply_to().save(tmp_path / "out")
    again = TaskVector(base, tmp_path / "out")
    assert again.cosine(TaskVector(base, tuned)) == pytest.approx(1)
    with open_checkpoint(tmp_path / "out") as out:
        assert out.tied == {HEAD: EMBEDDINGS}


def test_order_and_sharding_do_not_matter(family: Family, tmp_path: Path) -> None:
    backwards = dict(reversed(family.finetuned["math"].items()))
    base = save_folder(tmp_path / "b", family.base)
    plain = TaskVector(base, save_folder(tmp_path / "plain", family.finetuned["math"]))
    shuffled = TaskVector(base, save_folder(tmp_path / "shuffled", backwards, shard_size=1))
    for name, vector in {"x": plain, "y": shuffled}.items():
        vector.apply_to(scaling=0.3).save(tmp_path / name)
    assert oracles.bits(oracles.load(tmp_path / "x")) == oracles.bits(oracles.load(tmp_path / "y"))


@pytest.mark.parametrize("base_dtype", oracles.COMBINABLE, ids=str)
@pytest.mark.parametrize("tuned_dtype", oracles.COMBINABLE, ids=str)
def test_a_fine_tune_may_have_another_dtype_and_the_base_decides(
    tmp_path: Path, base_dtype: np.dtype, tuned_dtype: np.dtype
) -> None:
    rng = np.random.default_rng(0)
    base = {"w": rng.standard_normal(300).astype(base_dtype)}
    tuned = {"w": (base["w"].astype(np.float32) + 0.1 * rng.standard_normal(300)).astype(tuned_dtype)}
    store = Store.init(tmp_path / "store", save_folder(tmp_path / "b", base))
    store.add({"t": save_folder(tmp_path / "t", tuned)})
    edit(store, "base + 0.3*t", tmp_path / "out")
    found = oracles.load(tmp_path / "out")["w"]
    assert found.dtype == base_dtype
    exact = 0.7 * base["w"].astype(np.float64) + 0.3 * tuned["w"].astype(np.float64)
    oracles.assert_rounded_once(found, exact, 4.0, what=f"{tuned_dtype} over {base_dtype}")


def test_a_model_without_anything_to_combine_is_copied(tmp_path: Path) -> None:
    arrays = {"ids": np.arange(5), "mask": np.array([True, False]), "i8": np.ones(3, np.int8)}
    base, tuned = save_folder(tmp_path / "b", arrays), save_folder(tmp_path / "t", arrays)
    vector = TaskVector(base, tuned)
    assert vector.norm() == 0
    vector.apply_to().save(tmp_path / "out")
    assert oracles.bits(oracles.load(tmp_path / "out")) == oracles.bits(arrays)
    store = Store.init(tmp_path / "store", base)
    store.add({"t": tuned})
    assert store.gram().total.tolist() == [[0.0]]


BASE_WITH_STEPS = {**BASE, "steps": np.arange(3)}


@pytest.mark.parametrize("is_partial", [True, False])
def test_a_stored_delta_has_no_integers_and_may_lack_others_only_if_it_is_partial(
    tmp_path: Path, is_partial: bool
) -> None:
    base = open_checkpoint(save_folder(tmp_path / "b", BASE_WITH_STEPS))
    whole = open_checkpoint(save_folder(tmp_path / "whole", TUNED))
    part = open_checkpoint(save_folder(tmp_path / "part", {"norm": TUNED["norm"]}))
    aligned = align(base, [Dense(Source.of(whole), is_partial=is_partial)])
    held = {tensor.name: tensor.sources[0].checkpoint for tensor in aligned.tensors}
    assert held == {EMBEDDINGS: whole, "norm": whole, "steps": base}
    assert aligned.uses == ()
    lacking = Dense(Source.of(part), is_partial=is_partial)
    if is_partial:
        found = {tensor.name: tensor.sources[0] for tensor in align(base, [lacking]).tensors}
        zeros = np.empty(6, np.float32)
        found[EMBEDDINGS].checkpoint.read_into(EMBEDDINGS, 0, zeros)
        assert not zeros.any()
        assert (found["norm"].checkpoint, found["steps"].checkpoint) == (part, base)
    else:
        with pytest.raises(AlignmentError, match=r"embed_tokens.weight is in the base .* missing from .*difference"):
            align(base, [lacking], allow=frozenset(Rule))


def test_rules_say_which_tensors_they_covered(tmp_path: Path) -> None:
    names = ("rotary.inv_freq", "attn.bias", "optimizer.exp_avg", "other.exp_avg", "global_step", "own")
    extra = {name: np.ones((1, 1, 1, 1), np.float32) for name in names}
    base = open_checkpoint(save_folder(tmp_path / "b", {**BASE, "position_ids": np.arange(4), "lost": BASE["norm"]}))
    tuned = open_checkpoint(save_folder(tmp_path / "t", {**TUNED, **extra}))
    aligned = align(base, [Difference(Source.of(tuned))], allow={Rule.MISSING, Rule.EXTRA})
    assert {use.rule: set(use.tensors) for use in aligned.uses} == {
        Rule.BUFFERS: {"position_ids", "rotary.inv_freq", "attn.bias"},
        Rule.TRAINING: {"optimizer.exp_avg", "other.exp_avg", "global_step"},
        Rule.MISSING: {"lost"},
        Rule.EXTRA: {"own"},
    }
    assert {use.source for use in aligned.uses} == {tuned.ref}
    for allow, name, more in (({Rule.EXTRA}, "lost", "missing"), ({Rule.MISSING}, "own", "extra")):
        with pytest.raises(AlignmentError, match=rf"tensor {name} .*: fix the checkpoint, or pass --allow {more}"):
            align(base, [Difference(Source.of(tuned))], allow=allow)


def test_a_causal_mask_has_four_dimensions(tmp_path: Path) -> None:
    base = open_checkpoint(save_folder(tmp_path / "b", BASE))
    tuned = open_checkpoint(save_folder(tmp_path / "t", {**TUNED, "attn.bias": np.ones(3, np.float32)}))
    with pytest.raises(AlignmentError, match=r"tensor attn\.bias is in .* and not in the base"):
        align(base, [Difference(Source.of(tuned))])
