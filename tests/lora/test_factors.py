"""Adapters in a store and in expressions: products from factors, sums by concatenation, refusals by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from adapter_sets import SETS, Arrays, dense, inner, save_peft

from taskvec import RunOptions, Store, TaskvecError, TaskVector, decompose, edit, similarity
from taskvec.checkpoints import open_checkpoint
from taskvec.streaming import plan_steps
from taskvec.testing.checkpoints import save_folder, save_safetensors
from taskvec.vectors import factored_products
from taskvec.vectors.forms import LowRank
from taskvec.vectors.task_vector import gram_matrix

TRUTH = np.array([[inner(dense(SETS[x]), dense(SETS[y])) for y in SETS] for x in SETS])


@pytest.mark.parametrize("block", [1, 8 << 20], ids=["one vector a block", "all in a block"])
def test_the_gram_matrix_is_the_dense_one(store: Store, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(factored_products, "_BLOCK_BYTES", block)
    vectors = [store[name] for name in SETS]
    np.testing.assert_allclose(gram_matrix(vectors), TRUTH, rtol=1e-6, atol=1e-5)


def test_nothing_is_multiplied_out_for_products_of_adapters(store: Store) -> None:
    assert {store.documents.vector(name).form for name in SETS} == {"low-rank"}
    assert plan_steps(store.gramming(list(SETS)), store.options).passes == ()
    np.testing.assert_allclose(similarity(store, list(SETS)).gram, TRUTH, rtol=1e-6, atol=1e-5)


def test_adapters_beside_a_full_fine_tune(tmp_path: Path, store: Store, base_arrays: Arrays) -> None:
    tuned = {n: (v + 0.5 if v.dtype == np.float32 else v) for n, v in base_arrays.items()}
    store.add({"full": save_folder(tmp_path / "full", tuned)})
    full = {n: v.astype(np.float64) - base_arrays[n] for n, v in tuned.items() if v.dtype == np.float32}
    gram = similarity(store, ["a", "full", "b"]).gram
    np.testing.assert_allclose(gram[0, 1], inner(dense(SETS["a"]), full), rtol=1e-5)
    np.testing.assert_allclose(gram[0, 2], TRUTH[0, 1], rtol=1e-6)


def test_a_sum_has_no_cross_terms(tmp_path: Path, store: Store, base_arrays: Arrays) -> None:
    edit(store, "base + 0.5*(a + b) - 2*c", tmp_path / "out")
    with open_checkpoint(tmp_path / "out") as written:
        for name, values in base_arrays.items():
            deltas = [
                w * dense(SETS[s]).get(name, np.zeros(values.shape)) for w, s in ((0.5, "a"), (0.5, "b"), (-2, "c"))
            ]
            np.testing.assert_allclose(written.read(name), values + sum(deltas), atol=3e-5)


def test_the_base_is_rounded_once(tmp_path: Path, base_arrays: Arrays) -> None:
    halves = {n: (v.astype(ml_dtypes.bfloat16) if v.dtype == np.float32 else v) for n, v in base_arrays.items()}
    base = save_folder(tmp_path / "half", halves)
    adapter = save_peft(tmp_path / "adapter", SETS["a"])
    with open_checkpoint(f"{base}+{adapter}") as model:
        for name, delta in dense(SETS["a"]).items():
            exact = (halves[name].astype(np.float64) + delta).astype(np.float32).astype(ml_dtypes.bfloat16)
            found = model.read(name).view(ml_dtypes.bfloat16)
            assert (found != exact).mean() < 0.02, name  # float32 sums may fall on the other side of a tie
            np.testing.assert_allclose(found.astype(np.float64), exact.astype(np.float64), rtol=2**-7)
        assert model.read("steps").tolist() == [0, 1, 2]


@pytest.mark.parametrize("start", [0, 1, 7, 95])
def test_any_piece_has_the_bits_of_the_whole(base: Path, adapters: dict[str, Path], start: int) -> None:
    (form,) = TaskVector(base, adapters["b"]).terms
    deltas = form.source.checkpoint
    whole = deltas.read("layers.0.q.weight").reshape(-1)
    piece = np.empty(whole.size - start, np.float32)
    deltas.read_into("layers.0.q.weight", start, piece)
    assert piece.tobytes() == whole[start:].tobytes()


def test_parts_of_adapters_keep_their_factors(store: Store) -> None:
    decompose(store, tasks=["a", "b"], rank=2, threshold=0.6)
    part = store.form(store.documents.vector("a.shared"))
    assert isinstance(part, LowRank)
    gram = similarity(store, ["a", "a.shared", "a.unique"]).gram
    np.testing.assert_allclose(gram[0, 0], gram[0, 1] + gram[0, 2], rtol=1e-5)
    assert isinstance(store.form(store.documents.vector("a.unique")), LowRank)
    assert plan_steps(store.gramming(["b", "a.shared", "b.unique"]), store.options).passes == ()


def test_an_adapter_is_known_by_its_scale_too(tmp_path: Path, store: Store, adapters: dict[str, Path]) -> None:
    other = save_peft(tmp_path / "other", SETS["a"], lora_alpha=30)
    (row,) = store.add({"louder": other})
    assert row.source.fingerprint != store.documents.vector("a").source.fingerprint
    assert row.norm == pytest.approx(5 * store.documents.vector("a").norm)
    config = adapters["a"] / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 6', '"lora_alpha": 9'))
    assert any("'a'" in problem for problem in store.verify())


def test_a_copy_of_an_adapter_stands_alone(tmp_path: Path, base: Path, adapters: dict[str, Path]) -> None:
    store = Store.init(tmp_path / "store", base)
    (row,) = store.add({"a": adapters["a"]}, copy=True)
    assert not Path(row.source.path).is_absolute()
    for file in adapters["a"].iterdir():
        file.unlink()
    assert Store(store.path)["a"].norm() == pytest.approx(np.sqrt(TRUTH[0, 0]))


Spoil = Callable[[Path], object]


def rewrite(**changes: object) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return spoil


def rename(old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        with open_checkpoint(folder) as adapter:
            arrays = {name.replace(old, new): adapter.read(name) for name in adapter.tensors}
        save_safetensors(path, arrays)

    return spoil


def add(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        with open_checkpoint(folder) as adapter:
            arrays = {n: adapter.read(n) for n in adapter.tensors}
        save_safetensors(path, {**arrays, name: np.zeros((3, 3), np.float32)})

    return spoil


BAD: dict[str, tuple[Spoil, str]] = {
    "DoRA by config": (rewrite(use_dora=True), "DoRA"),
    "DoRA by name": (add("base_model.model.layers.0.q.lora_magnitude_vector"), "DoRA"),
    "another kind": (rewrite(peft_type="IA3"), "IA3"),
    "PiSSA": (rewrite(init_lora_weights="pissa_niter_4"), "pissa"),
    "another rank": (rewrite(r=4), "has rank 3"),
    "another rank by pattern": (rewrite(rank_pattern={"up": 2}), "'layers.1.up' has rank 3"),
    "no such module": (rename("layers.1.up", "layers.1.gone"), "layers.1.gone"),
    "another shape": (rename("layers.1.up", "layers.0.q.lora_x"), "layers.0.q"),
    "one factor": (rename("layers.0.q.lora_B", "layers.0.q.lora_C"), "lora_A.weight"),
    "weights gone": (lambda folder: (folder / "adapter_model.safetensors").unlink(), "adapter_model.bin"),
    "no JSON": (lambda folder: (folder / "adapter_config.json").write_text("{"), "JSON"),
    "r is no number": (rewrite(r="four"), "'four'"),
    "a bad pattern": (rewrite(rank_pattern={"(": 3}), "no pattern"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_adapter_is_refused_by_name(case: str, base: Path, adapters: dict[str, Path]) -> None:
    spoil, said = BAD[case]
    spoil(adapters["a"])
    with pytest.raises(TaskvecError) as caught:
        TaskVector(base, adapters["a"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recorded_base_of_other_values_is_refused(tmp_path: Path, base: Path, base_arrays: Arrays) -> None:
    other = save_folder(tmp_path / "other", {n: v + 1 if v.dtype == np.float32 else v for n, v in base_arrays.items()})
    adapter = save_peft(tmp_path / "adapter", SETS["a"], base_model_name_or_path=str(other))
    with pytest.raises(TaskvecError, match=f"was trained on {other}"):
        TaskVector(base, adapter)
    TaskVector(other, adapter)
    elsewhere = save_peft(tmp_path / "elsewhere", SETS["a"], base_model_name_or_path="/gone/model")
    TaskVector(base, elsewhere)


def test_only_an_adapter_follows_a_plus(base: Path, adapters: dict[str, Path]) -> None:
    with pytest.raises(TaskvecError, match="holds no LoRA adapter"):
        open_checkpoint(f"{base}+{base}")
    with pytest.raises(TaskvecError, match="is an adapter itself"):
        open_checkpoint(f"{adapters['a']}+{adapters['b']}")


def test_a_plus_in_a_path_is_a_plus(tmp_path: Path, base_arrays: Arrays) -> None:
    odd = save_folder(tmp_path / "a+b", base_arrays)
    adapter = save_peft(tmp_path / "c+d", SETS["a"])
    assert len(open_checkpoint(odd).tensors) == len(base_arrays)
    with open_checkpoint(f"{odd}+{adapter}") as model, open_checkpoint(odd) as plain:
        assert not np.array_equal(model.read("layers.0.q.weight"), plain.read("layers.0.q.weight"))


def test_memory_and_workers_change_no_bit(tmp_path: Path, base: Path, adapters: dict[str, Path]) -> None:
    vector = TaskVector(base, adapters["a"]) + TaskVector(base, adapters["b"])
    wide = vector.apply_to().read("layers.1.up.weight", RunOptions(workers=2))
    narrow = vector.apply_to().read("layers.1.up.weight", RunOptions(workers=1, max_chunk=1))
    assert wide.tobytes() == narrow.tobytes()
