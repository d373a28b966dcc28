from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import oracles
from tampering import flip_byte, picture
from taskvec import Store, TaskVector, compress, edit
from taskvec.errors import AlignmentError, NonFiniteError, OutputError, SourceChangedError, StoreError
from taskvec.testing.checkpoints import save_folder, save_safetensors
from taskvec.testing.families import Family, SavedFamily, make_family
from taskvec.types import DType
from taskvec.vectors.alignment import Rule
from taskvec.vectors.edited import Edited
from taskvec.vectors.output import OutputOptions


def test_a_store_is_a_folder_of_small_documents(store: Store, saved: SavedFamily) -> None:
    assert sorted(path.name for path in store.path.iterdir()) == ["bases", "gram", "objects", "store.json", "vectors"]
    assert sorted(path.name for path in (store.path / "vectors").iterdir()) == ["code.json", "law.json", "math.json"]
    assert not list((store.path / "objects").iterdir())
    document = json.loads((store.path / "vectors" / "math.json").read_text())
    assert document["source"]["path"] == str(saved.finetuned["math"])


def test_vectors_are_known_with_their_norms(store: Store, family: Family) -> None:
    gram = oracles.gram(family)
    norms = {name: store.documents.vector(name).norm for name in store}
    assert norms == pytest.approx(dict(zip(family.names, np.sqrt(np.diag(gram)), strict=True)), rel=1e-6)


def test_a_store_is_a_collection_of_names(store: Store) -> None:
    assert list(store) == list(store.names) == ["code", "law", "math"]
    assert len(store) == 3
    assert "law" in store
    assert "wieght" not in store


def test_a_store_that_is_opened_again_is_the_same_store(store: Store, family: Family) -> None:
    again = Store(store.path)
    assert again.names == store.names
    assert again["math"].norm() ** 2 == pytest.approx(oracles.gram(family)[0, 0], rel=1e-6)


def test_a_store_moves_with_what_it_holds(store: Store, saved: SavedFamily, tmp_path: Path) -> None:
    store.add({"kept": saved.finetuned["math"]}, copy=True)
    compress(store, "two", num_atoms=2)
    moved = Store(store.path.rename(tmp_path / "elsewhere"))
    assert moved.verify() == []
    assert moved["kept"].cosine(moved["math"]) == pytest.approx(1)


def test_the_target_of_init_must_be_new(store: Store, saved: SavedFamily) -> None:
    before = picture(store.path)
    with pytest.raises(OutputError, match="store: exists already"):
        Store.init(store.path, saved.base)
    assert picture(store.path) == before


def test_a_base_with_nan_makes_no_store(family: Family, tmp_path: Path) -> None:
    spoilt = {**family.base, "embed.weight": np.full_like(family.base["embed.weight"], np.nan)}
    save_folder(tmp_path / "base", spoilt)
    before = picture(tmp_path)
    with pytest.raises(NonFiniteError, match=r"tensor embed.weight of .*base .*holds NaN or infinity"):
        Store.init(tmp_path / "store", tmp_path / "base")
    assert picture(tmp_path) == before


def test_a_folder_that_is_no_store_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no store: make one with taskvec store init"):
        Store(tmp_path)


@pytest.mark.parametrize("name", ["", "base", "1st", "a.b", "a-b", "../x", "größe", "a b", "a/b"])
def test_a_name_must_be_one_that_expressions_can_write(store: Store, saved: SavedFamily, name: str) -> None:
    before = picture(store.path)
    with pytest.raises(StoreError, match="is no name for a task vector: use letters, digits and _, and not 'base'"):
        store.add({name: saved.base})
    assert picture(store.path) == before


def test_a_taken_name_is_refused_and_nothing_of_the_call_is_added(store: Store, saved: SavedFamily) -> None:
    before = picture(store.path)
    with pytest.raises(StoreError, match=r"task vector 'math' exists already in .*: choose another name, or remove"):
        store.add({"new": saved.finetuned["law"], "math": saved.finetuned["code"]})
    assert picture(store.path) == before


def test_adding_the_very_same_again_changes_nothing(store: Store, saved: SavedFamily) -> None:
    before = picture(store.path)
    (document,) = store.add({"math": saved.finetuned["math"]})
    assert document == store.documents.vector("math")
    assert picture(store.path) == before


@pytest.mark.parametrize("ask", [Store.remove, Store.__getitem__, lambda store, name: store.gram([name])])
def test_an_unknown_name_is_refused_with_those_that_exist(store: Store, ask: object) -> None:
    with pytest.raises(StoreError, match=r"there is no task vector 'maths' in .* \(it has: code, law, math\)"):
        ask(store, "maths")  # type: ignore[operator]


def test_a_removed_vector_is_gone_and_its_checkpoint_is_not(store: Store, saved: SavedFamily) -> None:
    store.remove("math")
    assert store.names == ("code", "law")
    assert (saved.finetuned["math"] / "model.safetensors").is_file()
    store.add({"math": saved.finetuned["law"]})
    assert store["math"].cosine(store["law"]) == pytest.approx(1)


def test_a_copy_outlives_its_source(store: Store, saved: SavedFamily, family: Family) -> None:
    store.add({"kept": saved.finetuned["math"]}, copy=True)
    (saved.finetuned["math"] / "model.safetensors").unlink()
    assert store["kept"].norm() ** 2 == pytest.approx(oracles.gram(family)[0, 0], rel=1e-6)
    assert store.verify() == [line for line in store.verify() if line.startswith("task vector 'math'")]


def test_equal_weights_in_files_of_other_names_are_copied_side_by_side(
    store: Store, family: Family, saved: SavedFamily, tmp_path: Path
) -> None:
    file = save_safetensors(tmp_path / "weights.safetensors", family.finetuned["math"])
    shards = save_folder(tmp_path / "shards", family.finetuned["math"], shard_size=60)
    for name, ref in {"one": saved.finetuned["math"], "two": file, "three": shards, "four": file}.items():
        store.add({name: ref}, copy=True)
    assert len(list((store.path / "objects").iterdir())) == 3
    assert store.verify() == []
    np.testing.assert_allclose(store.gram(["one", "two", "three", "four"]).total, store["math"].norm() ** 2)


def test_more_vectors_than_a_batch_are_added_in_one_call(tmp_path: Path) -> None:
    names = [f"t{i:02d}" for i in range(19)]
    family = make_family(names, seed=3)
    saved = family.save(tmp_path)
    store = Store.init(tmp_path / "store", saved.base)
    assert [document.name for document in store.add(saved.finetuned)] == names
    oracles.assert_close(store.gram(names).total, oracles.gram(family), relative=1e-6, what="19 vectors")


def test_a_saved_task_vector_is_added_as_a_delta(store: Store, saved: SavedFamily, tmp_path: Path) -> None:
    Edited(store["math"] - store["law"], None).save(tmp_path / "tau", OutputOptions(dtype=DType.F32))
    (document,) = store.add({"moved": tmp_path / "tau"})
    assert document.form == "dense"
    assert (store["moved"] - (store["math"] - store["law"])).norm() < 1e-6 * document.norm
    assert store.gram(["moved", "math"]).total[0, 0] == pytest.approx(document.norm**2)


def test_a_saved_task_vector_of_another_base_is_refused(store: Store, tmp_path: Path) -> None:
    stranger = make_family(["x"], seed=8).save(tmp_path / "stranger")
    Edited(TaskVector(stranger.base, stranger.finetuned["x"]), None).save(tmp_path / "tau")
    before = picture(store.path)
    with pytest.raises(AlignmentError, match=r"tau is a task vector of another base .* than .*models/base"):
        store.add({"x": tmp_path / "tau"})
    assert picture(store.path) == before


def test_the_same_files_as_a_model_and_as_a_delta_are_two_vectors(tmp_path: Path) -> None:
    """Without its metadata a saved delta is a model like any other; known products must not be mixed up."""
    base = {"w": np.full(4, 3.0, np.float32)}
    saved = save_folder(tmp_path / "base", base), save_folder(tmp_path / "tuned", {"w": np.full(4, 5.0, np.float32)})
    store = Store.init(tmp_path / "store", saved[0])
    Edited(TaskVector(*saved), None).save(tmp_path / "tau")
    save_folder(tmp_path / "bare", oracles.load(tmp_path / "tau"))
    store.add({"delta": tmp_path / "tau"})
    store.add({"model": tmp_path / "bare"})
    assert store.gram(["delta", "model"]).total.tolist() == [[16.0, -8.0], [-8.0, 4.0]]


# What is altered behind the store's back.


def test_a_source_that_was_only_touched_is_still_good(store: Store, saved: SavedFamily) -> None:
    (saved.finetuned["math"] / "model.safetensors").touch()
    (saved.base / "model.safetensors").touch()
    assert Store(store.path)["math"].norm() == pytest.approx(store.documents.vector("math").norm)
    assert store.verify() == []


def test_a_source_saved_again_in_shards_is_still_good(store: Store, saved: SavedFamily, family: Family) -> None:
    ref = saved.finetuned["math"]
    (ref / "model.safetensors").unlink()
    save_folder(ref, family.finetuned["math"], shard_size=50)
    assert store["math"].norm() == pytest.approx(store.documents.vector("math").norm)


@pytest.mark.parametrize("use", ["open", "gram", "edit", "compress", "verify"])
def test_a_source_altered_at_equal_size_and_time_is_noticed(
    store: Store, saved: SavedFamily, tmp_path: Path, use: str
) -> None:
    flip_byte(saved.finetuned["math"] / "model.safetensors")
    store.add({"new": saved.finetuned["law"]}) if use == "gram" else None
    attempts = {
        "open": lambda: store["math"],
        "gram": lambda: store.gram(["math", "code"]) and store["math"],
        "edit": lambda: edit(store, "base + 0.5*math", tmp_path / "out"),
        "compress": lambda: compress(store, "b", num_atoms=1),
    }
    message = r"task vector 'math': its source .*models/math has changed since it was added \(tensor .*\): restore the"
    if use == "verify":
        (problem,) = store.verify()
        assert "task vector 'math': its source" in problem
        return
    before = picture(tmp_path)
    with pytest.raises(SourceChangedError, match=message):
        attempts[use]()
    assert picture(tmp_path) == before


def test_an_altered_base_is_noticed(store: Store, saved: SavedFamily) -> None:
    flip_byte(saved.base / "model.safetensors")
    again = Store(store.path)
    with pytest.raises(SourceChangedError, match=r"the base: its source .*models/base has changed since .* new store"):
        _ = again.base
    assert any(problem.startswith("the base") for problem in again.verify())


def test_a_source_that_became_nan_has_changed_first_of_all(store: Store, saved: SavedFamily, family: Family) -> None:
    spoilt = {name: np.full_like(array, np.nan) if name == "scale" else array for name, array in family.base.items()}
    save_folder(saved.finetuned["math"], spoilt)
    with pytest.raises(SourceChangedError, match="task vector 'math'"):
        _ = store["math"]
    assert len(store.verify()) == 1


def test_a_removed_source_is_named(store: Store, saved: SavedFamily) -> None:
    (saved.finetuned["math"] / "model.safetensors").unlink()
    with pytest.raises(StoreError, match=r"task vector 'math': its source .*math cannot be opened: .*holds no model"):
        _ = store["math"]
    (problem,) = store.verify()
    assert problem.startswith("task vector 'math'")


def test_what_is_known_needs_no_source(store: Store, saved: SavedFamily) -> None:
    known = store.gram().total
    for ref in saved.finetuned.values():
        (ref / "model.safetensors").unlink()
    assert Store(store.path).gram().total.tolist() == known.tolist()


def test_every_problem_is_listed(store: Store, saved: SavedFamily) -> None:
    compress(store, "two", num_atoms=2)
    flip_byte(saved.finetuned["math"] / "model.safetensors")
    (saved.finetuned["code"] / "model.safetensors").unlink()
    flip_byte(next((store.path / "objects").rglob("atom_001.safetensors")))
    (store.path / "vectors" / "law.json").write_text("{")
    flip_byte(next((store.path / "gram").glob("*.safetensors")))
    beginnings = [problem.split(":")[0] for problem in store.verify()]
    for owner in ("task vector 'math'", "task vector 'code'", "atom 1 of basis 'two'"):
        assert owner in beginnings
    assert any(beginning.endswith("law.json") for beginning in beginnings)
    assert any(beginning.endswith(".safetensors") for beginning in beginnings)
    assert len(beginnings) == 5


def _without(document: dict, key: str) -> str:
    return json.dumps({name: value for name, value in document.items() if name != key})


DAMAGES = {
    "empty": lambda _: "",
    "torn": lambda text: text[: len(text) // 2],
    "a list": lambda _: "[]",
    "a number": lambda _: "1",
    "unknown key": lambda text: json.dumps({**json.loads(text), "wieght": 1}),
    "missing key": lambda text: _without(json.loads(text), "source"),
    "wrong form": lambda text: text.replace('"difference"', '"diffrence"'),
    "norm is text": lambda text: json.dumps({**json.loads(text), "norm": "long"}),
    "no text at all": lambda _: "\udcff",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_document_is_named(store: Store, damage: str) -> None:
    path = store.path / "vectors" / "math.json"
    path.write_bytes(DAMAGES[damage](path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=r"vectors/math.json: is damaged or of another version"):
        _ = store["math"]
    assert store.verify()
    assert store["law"].norm() > 0


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_a_store_of_another_version_is_refused(store: Store, version: object) -> None:
    path = store.path / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": version}))
    with pytest.raises(StoreError, match=r"store.json: is damaged or of another version"):
        Store(store.path)


# Rules that allow what is otherwise an error.


def test_a_rule_that_was_used_is_remembered_and_recorded_in_every_output(
    store: Store, family: Family, tmp_path: Path
) -> None:
    tuned = family.finetuned["math"]
    tensors = {**tuned, "head": np.ones(3, np.float32), "position_ids": tuned["position_ids"] + 1}
    del tensors["layer.bias"]
    ref = save_folder(tmp_path / "odd", tensors)
    store.add({"odd": ref}, allow=list(Rule))
    uses = {rule.rule: rule.tensors for rule in store.documents.vector("odd").rules}
    assert uses == {"missing": ("layer.bias",), "extra": ("head",), "integers": ("position_ids",)}
    assert store.verify() == []
    (ref / "model.safetensors").touch()
    result = edit(store, "base + odd", tmp_path / "out")
    found = oracles.load(tmp_path / "out")
    assert found.keys() == family.base.keys()
    assert found["layer.bias"].tobytes() == family.base["layer.bias"].tobytes()
    assert found["position_ids"].tobytes() == family.base["position_ids"].tobytes()
    assert found["layer.weight"].tobytes() == tensors["layer.weight"].tobytes()
    record = _record(tmp_path / "out")
    assert record["allow"] == ["extra", "integers", "missing"]
    assert record["rules"] == [{**rule, "source": "odd"} for rule in result.rules]
    assert {rule["rule"]: rule["tensors"] for rule in record["rules"]} == {"missing": ["layer.bias"], "extra": ["head"]}


def test_rules_of_one_vector_are_not_those_of_another(store: Store, family: Family, tmp_path: Path) -> None:
    tensors = {**family.finetuned["math"], "head": np.ones(3, np.float32)}
    store.add({"odd": save_folder(tmp_path / "odd", tensors)}, allow=[Rule.EXTRA])
    assert not store["code"].allow
    assert store["odd"].allow == {Rule.EXTRA}


def _record(ref: Path) -> dict:
    from taskvec import open_checkpoint

    with open_checkpoint(ref) as checkpoint:
        return json.loads(checkpoint.metadata["taskvec"])
