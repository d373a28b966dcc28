"""A basis as a living collection, and on its way to other machines."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from recovery import recovered_matrix

import oracles
from taskvec import Basis, Store, compress, edit
from taskvec.bases.collection import add_tasks, joining, refit, refit_advice, refitting, remove_task
from taskvec.bases.sharing import export_basis, import_basis
from taskvec.checkpoints import StagedOutput
from taskvec.errors import BasisError, SourceChangedError, StoreError
from taskvec.store.garbage import collect_garbage
from taskvec.store.kinds.bases import BASES, BasisDocument
from taskvec.store.shelf import Shelf
from taskvec.streaming import Journal, plan_steps
from taskvec.testing.families import Family
from taskvec.types import DType

FIVE = tuple("abcde")
kinds = pytest.mark.parametrize(
    "wanted",
    [
        {"num_atoms": 2, "dtype": DType.F32},
        {"num_atoms": 2, "group": "tensor", "dtype": DType.I8},
        {"num_atoms": 2, "method": "random"},
        {"num_atoms": 2, "method": "pca"},
        {"max_error": 0.5, "group": "layer"},
    ],
    ids=["spectral", "int8 a tensor", "random", "pca", "an error a layer"],
)


def assert_true(basis: Basis, family: Family) -> None:
    v = oracles.matrix(family, basis.tasks)
    off = recovered_matrix(basis, family) - v
    for coefficients in (*np.eye(len(basis.tasks)), np.ones(len(basis.tasks)), np.arange(len(basis.tasks)) - 1.5):
        truth = np.linalg.norm(off @ coefficients) / np.linalg.norm(v @ coefficients)
        assert basis.certificate.error_of(coefficients) == pytest.approx(truth, rel=1e-3, abs=1e-6)


@kinds
def test_a_task_is_added_by_projection(store: Store, family: Family, wanted: dict[str, object]) -> None:
    before = compress(store, "basis", tasks=FIVE, **wanted)  # type: ignore[arg-type]
    plan = plan_steps(joining(before, ["f"]), store.options)
    assert plan.projected_bytes <= plan.allowed_bytes
    add_tasks(before, ["f"])
    after = Basis.load(Store(store.path), "basis")
    assert after.tasks == (*FIVE, "f")
    assert_true(after, family)
    for task in FIVE:
        assert after.certificate.task_errors[task] == pytest.approx(before.certificate.task_errors[task])
    assert after.document.atoms == before.document.atoms


def test_projection_is_the_nearest_point_of_the_span(store: Store, family: Family) -> None:
    basis = add_tasks(compress(store, "basis", tasks=FIVE, num_atoms=2, dtype=DType.F32), "f")
    v = oracles.matrix(family)
    assert basis.groups[0].encoder is None
    span = recovered_matrix(basis, family)[:, :5]
    u, s, _ = np.linalg.svd(span, full_matrices=False)
    rest = v[:, 5] - u[:, :2] @ (u[:, :2].T @ v[:, 5])
    assert s[2] < 1e-4 * s[0]
    expected = np.linalg.norm(rest) / np.linalg.norm(v[:, 5])
    assert basis.certificate.task_errors["f"] == pytest.approx(expected, rel=1e-3)


def test_refitting_is_advised_past_a_stated_error(store: Store) -> None:
    before = compress(store, "basis", tasks=FIVE, num_atoms=2)
    after = add_tasks(before, ["f"])
    error = after.certificate.task_errors["f"]
    assert refit_advice(before, after, error + 1e-6) is None
    advice = refit_advice(before, after, 0.01)
    assert advice is not None
    assert "refit the basis with it (taskvec basis add STORE basis f --refit)" in advice
    assert error > max(before.certificate.task_errors.values())
    assert refit_advice(before, after) is not None


@kinds
def test_refitting_is_compressing_anew(store: Store, family: Family, wanted: dict[str, object]) -> None:
    small = compress(store, "basis", tasks=FIVE, **wanted)  # type: ignore[arg-type]
    fresh = compress(store, "fresh", tasks=(*FIVE, "f"), **wanted)  # type: ignore[arg-type]
    assert plan_steps(refitting(small, (*FIVE, "f")), store.options).passes
    grown = refit(small, (*FIVE, "f"))
    assert Basis.load(store, "basis").tasks == (*FIVE, "f")
    assert grown.certificate.task_errors == fresh.certificate.task_errors
    assert_true(grown, family)
    again = refit(grown, grown.tasks)
    assert_true(Basis.load(store, "basis"), family)
    assert again.certificate.task_errors == grown.certificate.task_errors


@kinds
def test_a_task_is_taken_out(store: Store, family: Family, wanted: dict[str, object]) -> None:
    remove_task(compress(store, "basis", **wanted), "c")  # type: ignore[arg-type]
    smaller = Basis.load(store, "basis")
    assert smaller.tasks == tuple("abdef")
    assert_true(smaller, family)


def test_what_is_gone_makes_errors_unknown_and_nothing_else(store: Store, family: Family) -> None:
    before = compress(store, "basis", tasks=FIVE, num_atoms=2, dtype=DType.F32)
    assert store.remove("b") == ("basis",)
    after = add_tasks(before, ["f"])
    certificate = Basis.load(store, "basis").certificate
    v = oracles.matrix(family)
    off = recovered_matrix(after, family) - v
    assert certificate.task_errors["f"] == pytest.approx(np.linalg.norm(off[:, 5]) / np.linalg.norm(v[:, 5]), rel=1e-3)
    assert certificate.relative_error == pytest.approx(np.linalg.norm(off) / np.linalg.norm(v), rel=1e-3)
    known = np.array([1.0, 0, -1, 0, 0, 2])
    assert certificate.error_of(known) == pytest.approx(
        np.linalg.norm(off @ known) / np.linalg.norm(v @ known), rel=1e-3
    )
    assert np.isnan(certificate.sum_error)
    assert after.to_json()["sum_error"] is None
    assert "never met" in after.notes[0]
    assert after.vectors["b"].norm() == pytest.approx(
        float(np.linalg.norm(recovered_matrix(after, family)[:, 1])), rel=1e-3
    )


def test_collections_refuse_what_makes_no_sense(store: Store) -> None:
    basis = compress(store, "basis", tasks=["a", "b"], num_atoms=1)
    with pytest.raises(BasisError, match="holds a task 'a' already"):
        add_tasks(basis, ["a"])
    with pytest.raises(StoreError, match="there is no task vector 'z'"):
        add_tasks(basis, ["z"])
    with pytest.raises(BasisError, match=r"holds no task 'z' \(it holds: a, b"):
        remove_task(basis, "z")
    with pytest.raises(BasisError, match="'b' is the last task of basis"):
        remove_task(remove_task(basis, "a"), "b")


@kinds
def test_a_basis_travels_without_its_fine_tunes(
    store: Store, family: Family, tmp_path: Path, wanted: dict[str, object]
) -> None:
    basis = compress(store, "basis", **wanted)  # type: ignore[arg-type]
    folder = export_basis(basis, tmp_path / "shared")
    other = Store.init(tmp_path / "other", store.base.checkpoint.path)
    shutil.rmtree(store.path / "objects")
    taken = import_basis(other, folder, "mine")
    assert Basis.load(other, "mine").certificate.task_errors == basis.certificate.task_errors
    assert_true(taken, family)
    edit(other, "base + 0.3*(a + f)", tmp_path / "out", basis="mine")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "base_model: base\n" in card
    assert "| a |" in card
    assert not [path for path in folder.iterdir() if str(tmp_path).encode() in path.read_bytes()]


def test_a_basis_of_another_base_is_refused(store: Store, family: Family, tmp_path: Path) -> None:
    folder = export_basis(compress(store, "basis", num_atoms=2), tmp_path / "shared")
    other = Store.init(tmp_path / "other", family.save(tmp_path / "again").finetuned["a"])
    with pytest.raises(BasisError, match="is a basis for another base"):
        import_basis(other, folder)


def test_altered_exports_are_refused(store: Store, tmp_path: Path) -> None:
    folder = export_basis(compress(store, "basis", num_atoms=2), tmp_path / "shared")
    atom = folder / "atom_001.safetensors"
    atom.write_bytes(atom.read_bytes()[:-1] + b"\x7f")
    says = r"atom_001\.safetensors: atom 1 is not as basis\.json describes it \(tensor .*\): fetch or export"
    with pytest.raises(SourceChangedError, match=says):
        import_basis(store, folder, "again")
    document = json.loads((folder / "basis.json").read_text())
    document["basis"]["groups"][0]["decoder"][0].append(1.0)
    (folder / "basis.json").write_text(json.dumps(document))
    with pytest.raises(StoreError, match="do not have the shapes"):
        import_basis(store, folder, "again")
    assert store.documents.of(BASES).names() == ("basis",)


def test_garbage_is_what_nothing_refers_to(store: Store, family: Family) -> None:
    first = compress(store, "first", num_atoms=2)
    compress(store, "second", num_atoms=2)
    assert collect_garbage(store.documents).paths == ()
    store.documents.of(BASES).rename("second", "kept")
    store.documents.of(BASES).remove("first")
    refit(Basis.load(store, "kept"), FIVE)
    found = collect_garbage(store.documents)
    assert len(found.paths) == 2
    assert found.num_bytes > first.document.atoms[0].nbytes
    assert_true(Basis.load(store, "kept"), family)
    assert store.verify() == []


def test_what_killed_commands_left_goes_unless_somebody_is_at_it(store: Store) -> None:
    compress(store, "basis", num_atoms=2)
    left = store.path / "objects" / ".dead.partial"
    left.mkdir()
    (left / "atom_000.safetensors").write_bytes(b"half")
    draft, young = (store.path / "vectors" / f".{name}.json.abc.tmp" for name in ("old", "young"))
    for path in (draft, young):
        path.write_text("{", encoding="utf-8")
    os.utime(draft, (0, 0))
    notes = store.path / "gram" / ".dead.journal"
    notes.write_text("taskvec journal\n", encoding="utf-8")
    with StagedOutput(store.path / "objects" / "alive", resume_key="key"), Journal(notes.with_stem(".alive"), "key"):
        found = collect_garbage(store.documents)
        assert (store.path / "objects" / ".alive.partial" / ".resume-key").exists()
        assert notes.with_stem(".alive").exists()
    assert found.paths == ("objects/.dead.partial", "gram/.dead.journal", "vectors/.old.json.abc.tmp")
    assert found.num_bytes == len("half" + "taskvec journal\n" + "{")
    assert young.exists()
    assert not any(path.exists() for path in (left, draft, notes))
    assert store.verify() == []


def test_products_go_with_their_vectors(store: Store) -> None:
    store.gram()
    files = set((store.path / "gram").iterdir())
    for name in "abcdef":
        assert collect_garbage(store.documents).paths == ()
        store.remove(name)
    assert len(collect_garbage(store.documents).paths) == len(files)
    assert not list((store.path / "gram").iterdir())


def test_a_renamed_basis_keeps_its_atoms(store: Store, family: Family) -> None:
    compress(store, "basis", num_atoms=2)
    store.documents.of(BASES).rename("basis", "old")
    compress(store, "basis", num_atoms=2)
    assert_true(Basis.load(store, "old"), family)
    assert_true(Basis.load(store, "basis"), family)


def test_vectors_are_renamed(store: Store) -> None:
    norm = store["a"].norm()
    store.documents.rename_vector("a", "first")
    assert "a" not in store
    assert store["first"].norm() == norm
    with pytest.raises(StoreError, match="exists already"):
        store.documents.rename_vector("b", "first")
    assert "b" in store


def test_a_vector_is_renamed_in_its_bases_too(store: Store, family: Family, tmp_path: Path) -> None:
    compress(store, "basis", num_atoms=2, group="tensor")
    compress(store, "others", num_atoms=1, tasks=["b", "c"])
    assert store.documents.rename_vector("a", "first") == ("basis",)
    basis = Basis.load(store, "basis")
    assert basis.tasks == ("first", *"bcdef")
    assert store.documents.names_of_tasks(basis.document.tasks) == basis.tasks
    edit(store, "base + first", tmp_path / "out", basis="basis")
    assert_true(Basis(store, basis.document), Family(family.base, {**family.finetuned, "first": family.finetuned["a"]}))


def test_a_task_of_other_content_keeps_its_name(store: Store) -> None:
    compress(store, "basis", num_atoms=2)
    store.remove("a")
    store.add({"a": store.path.parent / "models" / "b"})
    assert store.documents.rename_vector("a", "first") == ()
    assert Basis.load(store, "basis").tasks == tuple("abcdef")


def test_a_name_that_a_basis_holds_already_is_refused(store: Store) -> None:
    for name in ("alone", "both"):
        compress(store, name, num_atoms=1, tasks=["a", "c"] if name == "alone" else ["a", "b"])
    store.remove("b")
    with pytest.raises(StoreError, match=r"basis 'both' holds another task 'b': choose .*remove STORE both b\)"):
        store.documents.rename_vector("a", "b")
    assert "a" in store
    assert [Basis.load(store, name).tasks for name in ("alone", "both")] == [("a", "c"), ("a", "b")]


def test_a_killed_rename_is_finished_by_the_same_command(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        compress(store, name, num_atoms=2)
    replace, calls = Shelf.replace, []

    def die(shelf: Shelf[BasisDocument], document: BasisDocument) -> None:
        calls.append(document.name)
        if document.name == "two":
            raise KeyboardInterrupt
        replace(shelf, document)

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            store.documents.rename_vector("a", "first")
    assert (calls, "a" in store) == (["one", "two"], True)
    assert store.documents.rename_vector("a", "first") == ("two",)
    assert {Basis.load(store, name).tasks[0] for name in ("one", "two")} == {"first"}


def test_atoms_that_were_collected_too_early_are_noticed(store: Store) -> None:
    document = compress(store, "basis", num_atoms=2).document
    store.documents.of(BASES).remove("basis")
    collect_garbage(store.documents)
    with pytest.raises(StoreError, match="were collected as garbage meanwhile"):
        store.documents.of(BASES).publish(document)
    assert store.documents.of(BASES).names() == ()
