"""What a store keeps: laws of every kind, and stores that version 0.1.0 wrote."""

from __future__ import annotations

import json
import pkgutil
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from oracles import assert_close
from taskvec import Basis, Store, compress, decompose, edit
from taskvec.errors import StoreError
from taskvec.store import kinds
from taskvec.store.garbage import collect_garbage
from taskvec.store.kind import Kind
from taskvec.store.kinds import KINDS
from taskvec.store.kinds.bases import BASES
from taskvec.store.kinds.vectors import VECTORS

WRITTEN_BY_0_1_0 = Path(__file__).parent / "written_by_0_1_0"
NAMED = [kind for kind in KINDS if kind.is_named]


@pytest.fixture
def full(store: Store) -> Store:
    """A store with something of every kind."""
    compress(store, "basis", num_atoms=2)
    decompose(store, rank=1)
    return store


def test_every_kind_has_a_folder_and_a_noun_of_its_own() -> None:
    assert len({kind.folder for kind in KINDS}) == len({kind.noun for kind in KINDS}) == len(KINDS)
    assert {module.name for module in pkgutil.iter_modules(kinds.__path__)} == {kind.folder for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.folder)
def test_a_document_comes_back_as_it_was_published(full: Store, kind: Kind[Any]) -> None:
    shelf = full.documents.of(kind)
    assert shelf.names()
    for name in shelf.names():
        document = shelf.load(name)
        path = full.path / kind.folder / f"{name}.json"
        assert kind.schema.model_validate_json(path.read_bytes()) == document


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.folder)
def test_what_a_document_refers_to_is_verified(full: Store, kind: Kind[Any]) -> None:
    assert full.verify() == []
    shelf = full.documents.of(kind)
    for owner, source in shelf.sources(shelf.names()[0]):
        (full.path / source.files[0].path).write_bytes(b"altered")
        (problem,) = [problem for problem in full.verify() if problem.startswith(owner.name)]
        assert owner.remedy in problem
        break
    else:
        pytest.fail("the kind refers to nothing")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.folder)
def test_a_damaged_document_is_a_problem_that_hides_no_other(full: Store, kind: Kind[Any]) -> None:
    path = full.path / kind.folder / f"{full.documents.of(kind).names()[0]}.json"
    path.write_text("{}")
    problems = full.verify()
    assert len(problems) == 1
    assert str(path) in problems[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not VECTORS], ids=lambda kind: kind.folder)
def test_objects_are_kept_as_long_as_a_document_refers_to_them(full: Store, kind: Kind[Any]) -> None:
    shelf = full.documents.of(kind)
    (name,) = shelf.names()
    objects = {f"objects/{kept}" for kept in shelf.objects(name)}
    assert objects
    assert collect_garbage(full.documents).paths == ()
    document = shelf.load(name)
    shelf.remove(name)
    assert set(collect_garbage(full.documents).paths) == objects
    publish = shelf.publish if kind.is_named else shelf.publish_next
    with pytest.raises(StoreError, match="collected as garbage"):
        publish(document)
    assert shelf.names() == ()


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.folder)
def test_names_are_taken_once_and_given_up_on_renaming(full: Store, kind: Kind[Any]) -> None:
    shelf = full.documents.of(kind)
    name, *_ = shelf.names()
    document = shelf.load(name)
    with pytest.raises(StoreError, match="exists already"):
        shelf.check_new(name)
    with pytest.raises(StoreError, match="added meanwhile"):
        shelf.publish(document)
    for bad in ("base", "1st", "a-b", "../x", ""):
        with pytest.raises(StoreError, match="is no name"):
            shelf.check_new(bad)
    shelf.rename(name, "other")
    assert "other" in shelf.names()
    with pytest.raises(StoreError, match=f"there is no {kind.noun} {name!r}"):
        shelf.load(name)
    assert shelf.load("other") == document.model_copy(update={"name": "other"})


def test_a_name_means_the_first_kind_that_has_it(full: Store) -> None:
    documents = full.documents
    assert (documents.kind_of("math"), documents.kind_of("basis")) == (VECTORS, BASES)
    assert documents.kind_of("nothing") is VECTORS
    documents.of(BASES).rename("basis", "math")
    assert documents.kind_of("math") is VECTORS


@pytest.fixture
def old(tmp_path: Path) -> Store:
    """A store that version 0.1.0 wrote, moved here with its models."""
    shutil.copytree(WRITTEN_BY_0_1_0, tmp_path / "old")
    for path in (tmp_path / "old" / "store").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("/somewhere", str(tmp_path / "old")), encoding="utf-8")
    return Store(tmp_path / "old" / "store")


EXPECTED = json.loads((WRITTEN_BY_0_1_0 / "expected.json").read_text(encoding="utf-8"))


def test_an_old_store_opens_with_all_that_it_holds(old: Store) -> None:
    assert old.names == tuple(EXPECTED["names"])
    assert old.documents.part_names() == tuple(EXPECTED["parts"])
    assert_close(old.gram().total, np.array(EXPECTED["gram"]), relative=1e-12, what="gram")
    for name, expected in EXPECTED["bases"].items():
        basis = Basis.load(old, name)
        assert basis.certificate.relative_error == pytest.approx(expected["relative_error"], rel=1e-9)
        assert (basis.num_atoms, list(basis.tasks)) == (expected["num_atoms"], expected["tasks"])
    assert old.verify() == EXPECTED["verify"] == []
    assert collect_garbage(old.documents).paths == ()


@pytest.mark.parametrize("file", EXPECTED["edits"])
def test_an_old_store_makes_the_same_weights(old: Store, tmp_path: Path, file: str) -> None:
    wanted = EXPECTED["edits"][file]
    edit(old, wanted["expression"], tmp_path / "out", basis=wanted["basis"])
    made, expected = (load_file(path) for path in (tmp_path / "out" / "model.safetensors", WRITTEN_BY_0_1_0 / file))
    assert {name: (t.dtype, t.shape) for name, t in made.items()} == {
        name: (t.dtype, t.shape) for name, t in expected.items()
    }
    for name, tensor in made.items():
        allowed = 1e-2 if tensor.dtype.itemsize == 2 else 1e-6
        assert_close(tensor.double().numpy(), expected[name].double().numpy(), relative=allowed, what=name)


def test_an_old_store_grows(old: Store) -> None:
    compress(old, "new", num_atoms=3)
    old.documents.rename_vector("math", "maths")
    assert Basis.load(old, "two").tasks == Basis.load(old, "new").tasks
    assert "maths" in Basis.load(old, "two").tasks
    assert old.documents.vector("maths.shared").norm > 0
    decompose(old, rank=1, tasks=["maths", "code", "law"])
    assert old.verify() == []
