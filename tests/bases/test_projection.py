"""Tasks that join a basis by projection: together as one after another, in one pass, with nothing taken in secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recovery import recovered_matrix

import oracles
from taskvec import Basis, Store, compress
from taskvec.bases.collection import add_tasks, joining, refit_advice
from taskvec.bases.compress import compressing
from taskvec.bases.fitting import fitted_tasks
from taskvec.bases.sharing import export_basis, import_basis
from taskvec.errors import BasisError, NonFiniteError, StoreError
from taskvec.store.kinds.bases import BASES
from taskvec.streaming import RunOptions, plan_steps
from taskvec.streaming.events import Event, PassStarted
from taskvec.streaming.memory import resident_bytes
from taskvec.testing.families import Family, make_family
from taskvec.types import DType
from taskvec.vectors.inner_products import MissingProducts

KINDS: dict[str, Mapping[str, Any]] = {
    "spectral": {"num_atoms": 2},
    "int8 a tensor": {"num_atoms": 2, "group": "tensor", "dtype": DType.I8},
    "random": {"num_atoms": 2, "method": "random"},
    "pca": {"num_atoms": 1, "method": "pca"},
    "trained": {"num_atoms": 2, "method": "autoencoder", "options": {"steps": 20}},
    "an error a layer": {"max_error": 0.5, "group": "layer"},
}
kinds = pytest.mark.parametrize("wanted", KINDS.values(), ids=KINDS)
OLD, NEW = ("a", "b", "c"), ("d", "e", "f")


@pytest.fixture
def strangers(store: Store, tmp_path: Path) -> Store:
    """The same vectors in a store to which they came one by one: no product of two is known."""
    made = Store.init(tmp_path / "strangers", store.base.checkpoint.path, store.options)
    for name in "abcdef":
        made.add({name: tmp_path / "models" / name})
    return made


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many inner products each pass takes."""
    counts: list[int] = []
    run = MissingProducts.run

    def counted(self: MissingProducts, *given: Any) -> Any:
        counts.append(self.num_rows * len(self.forms))
        return run(self, *given)

    monkeypatch.setattr(MissingProducts, "run", counted)
    return counts


def known_of(basis: Basis) -> dict[str, Any]:
    return basis.document.model_dump(exclude={"name", "atoms", "wanted"})


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def assert_true(basis: Basis, family: Family, coefficients: Sequence[Sequence[float]]) -> None:
    v = oracles.matrix(family, basis.tasks)
    off = recovered_matrix(basis, family) - v
    for a in coefficients:
        truth = np.linalg.norm(off @ a) / np.linalg.norm(v @ a)
        assert basis.certificate.error_of(a) == pytest.approx(truth, rel=1e-3, abs=1e-6)


@kinds
def test_together_is_one_after_another(strangers: Store, wanted: Mapping[str, Any]) -> None:
    together, alone = (compress(strangers, name, tasks=OLD, **wanted) for name in ("together", "alone"))
    add_tasks(together, NEW)
    for name in NEW:
        alone = add_tasks(alone, [name])
    together, alone = (Basis.load(strangers, name) for name in ("together", "alone"))
    assert together.tasks == (*OLD, *NEW)
    assert known_of(together) == known_of(alone)


@kinds
def test_every_task_has_its_exact_error_and_sums_wait_for_products(
    strangers: Store, family: Family, wanted: Mapping[str, Any]
) -> None:
    basis = add_tasks(compress(strangers, "basis", tasks=OLD, **wanted), NEW)
    v = oracles.matrix(family, basis.tasks)
    off = recovered_matrix(basis, family) - v
    assert basis.certificate.relative_error == pytest.approx(np.linalg.norm(off) / np.linalg.norm(v), rel=1e-3)
    assert_true(basis, family, [*np.eye(6).tolist(), [1, -1, 0.5, 0, 0, 0]])
    assert np.isnan(basis.certificate.error_of([0, 0, 1, 1, 0, 0]))
    assert basis.to_json()["sum_error"] is None
    assert "taskvec similarity STORE lets those meet" in basis.notes[0]
    strangers.gram()
    known = Basis.load(strangers, "basis")
    assert_true(known, family, [np.ones(6).tolist(), [0, 0, 1, 1, 0, 0], [0.3, -1, 0, 2, 0, -0.5]])
    assert known.certificate.task_errors == basis.certificate.task_errors
    assert not any("never met" in note for note in known.notes)
    assert add_tasks(compress(strangers, "later", tasks=OLD, **wanted), NEW).certificate.sum_error == pytest.approx(
        known.certificate.sum_error
    )


def test_base_atoms_and_new_vectors_are_read_once(strangers: Store) -> None:
    compress(strangers, "basis", tasks=OLD, num_atoms=2)
    events: list[Event] = []
    watched = Basis.load(Store(strangers.path, replace(strangers.options, listener=events.append)), "basis")
    (planned,) = plan_steps(joining(watched, NEW), watched.store.options).passes
    atoms = sum(atom.nbytes for atom in watched.document.atoms)
    models = [strangers.documents.store().base, *(strangers.documents.vector(name).source for name in NEW)]
    add_tasks(watched, NEW)
    assert [event.total_bytes for event in events if isinstance(event, PassStarted)] == [planned.read_bytes]
    assert planned.read_bytes <= atoms + sum(model.nbytes for model in models)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_products_grow_with_the_new_tasks_alone(strangers: Store, taken: list[int], count: int) -> None:
    basis = compress(strangers, "basis", tasks=OLD, num_atoms=2)
    before = files(strangers.path / "gram")
    taken.clear()
    add_tasks(basis, NEW[:count])
    assert taken == [2 * (2 + count)]
    assert files(strangers.path / "gram") == before


def test_fitting_on_some_is_compressing_these_and_adding_the_others(strangers: Store, taken: list[int]) -> None:
    with pytest.raises(BasisError, match="2 atoms for 2 task vectors: use 1"):
        compress(strangers, "short", num_atoms=2, fit_on=["b", "e"])
    short = compress(strangers, "short", num_atoms=1, fit_on=["b", "e", "b"])
    assert taken == [2, 5]
    assert short.tasks == tuple("beacdf")
    long = add_tasks(compress(strangers, "long", num_atoms=1, tasks=["b", "e"]), list("acdf"))
    assert known_of(short) == known_of(long)
    assert known_of(Basis.load(strangers, "short")) == known_of(short)


@kinds
def test_the_plan_of_fitting_on_some_is_what_is_read(strangers: Store, wanted: Mapping[str, Any]) -> None:
    strangers.gram(OLD)
    asked: Any = {**wanted, "fit_on": OLD}
    plan = plan_steps(compressing(strangers, "basis", **asked), strangers.options)
    assert strangers.documents.of(BASES).names() == ()
    events: list[Event] = []
    basis = compress(Store(strangers.path, replace(strangers.options, listener=events.append)), "basis", **asked)
    started = [event.total_bytes for event in events if isinstance(event, PassStarted)]
    assert plan.passes[-1].label == f"measure {basis.num_stored} atoms"
    assert started[0] == plan.passes[0].read_bytes + plan.passes[0].written_bytes
    assert started[-1] == plan.passes[-1].read_bytes


@pytest.mark.parametrize(
    ("fit_on", "fitted"),
    [(2, "ad"), (3, "ace"), (4, "abde"), (5, "abcde"), (["f", "a", "f"], "fa"), (list("abcdef"), "abcdef")],
)
def test_a_number_takes_tasks_evenly(fit_on: Sequence[str] | int, fitted: str) -> None:
    assert fitted_tasks("abcdef", fit_on) == tuple(fitted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"fit_on": 6}, "cannot be fitted on 6 of 6 task vectors: use 2 to 5"),
        ({"fit_on": 1}, "cannot be fitted on 1 of 6 task vectors: use 2 to 5"),
        ({"fit_on": 2, "tasks": ["a", "b"]}, "of 2 task vectors: leave --fit-on out"),
        ({"fit_on": ["a", "z"]}, r"'z' is none of the tasks that are compressed \(a, b, c, d, e, f\)"),
        ({"fit_on": ["a", "f"], "tasks": ["a", "b", "c"]}, "'f' is none of the tasks that are compressed"),
        ({"fit_on": ["a"]}, "a basis needs at least two task vectors, not 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(store: Store, wanted: Mapping[str, Any], message: str) -> None:
    with pytest.raises(BasisError, match=message):
        compress(store, "basis", num_atoms=1, **wanted)
    with pytest.raises(StoreError, match="no task vector 'z'"):
        compress(store, "basis", num_atoms=1, tasks=["a", "b", "z"], fit_on=["a", "b"])
    assert not list((store.path / "objects").iterdir())


def test_a_projection_that_fails_leaves_no_atoms(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NonFiniteError("broken")

    monkeypatch.setattr(MissingProducts, "run", fail)
    with pytest.raises(NonFiniteError, match="broken"):
        compress(store, "basis", num_atoms=1, fit_on=["a", "b"])
    assert store.documents.of(BASES).names() == ()
    assert not files(store.path / "objects")


def test_products_become_known_of_those_that_are_there(strangers: Store, family: Family) -> None:
    add_tasks(compress(strangers, "basis", tasks=OLD, num_atoms=2, dtype=DType.F32), NEW)
    strangers.remove("b")
    strangers.documents.rename_vector("c", "sea")
    strangers.gram()
    basis = Basis.load(strangers, "basis")
    assert basis.tasks == ("a", "b", "sea", "d", "e", "f")
    renamed = Family(family.base, {**family.finetuned, "sea": family.finetuned["c"]})
    assert_true(basis, renamed, [[1, 0, 1, 1, 1, 1], [1, -1, 1, 0, 0, 0]])
    assert np.isnan(basis.certificate.error_of([0, 1, 0, 1, 0, 0]))


def test_what_became_known_is_exported(strangers: Store, tmp_path: Path) -> None:
    add_tasks(compress(strangers, "basis", tasks=OLD, num_atoms=2), NEW)
    strangers.gram()
    basis = Basis.load(strangers, "basis")
    elsewhere = Store.init(tmp_path / "elsewhere", strangers.base.checkpoint.path)
    taken = import_basis(elsewhere, export_basis(basis, tmp_path / "shared"))
    assert taken.certificate.sum_error == basis.certificate.sum_error > 0


def test_advice_names_all_that_the_atoms_do_not_suit(store: Store) -> None:
    before = compress(store, "basis", tasks=OLD, num_atoms=2)
    after = add_tasks(before, NEW)
    errors = after.certificate.task_errors
    advice = refit_advice(before, after, 0.01)
    assert advice is not None
    worst = max(NEW, key=errors.__getitem__)
    assert advice.startswith(f"{worst} keeps an error of ")
    assert "and so do 2 more of the new tasks: the atoms were not made for them; refit the basis with them" in advice
    assert f"(taskvec basis add STORE basis {worst} --refit)" in advice
    single = refit_advice(before, after, sorted(errors[name] for name in NEW)[1])
    assert single is not None
    assert f"basis add STORE basis {worst} --refit" in single


def test_names_count_once_and_no_name_twice(store: Store) -> None:
    basis = compress(store, "basis", tasks=OLD, num_atoms=1)
    with pytest.raises(BasisError, match="holds a task 'b' already"):
        add_tasks(basis, ["d", "b"])
    assert add_tasks(basis, ["d", "d"]).tasks == (*OLD, "d")
    assert Basis.load(store, "basis").tasks == (*OLD, "d")


def test_a_square_that_is_not_known_is_taken_alone(strangers: Store, taken: list[int]) -> None:
    basis = compress(strangers, "basis", tasks=OLD, num_atoms=2)
    expected = known_of(add_tasks(basis, NEW))
    again = compress(strangers, "again", tasks=OLD, num_atoms=2)
    for path in files(strangers.path / "gram"):
        path.unlink()
    assert len(plan_steps(joining(again, NEW), strangers.options).passes) == 4
    taken.clear()
    found = known_of(add_tasks(again, NEW))
    assert taken == [10, 1, 1, 1]
    assert found == expected


def test_two_hundred_tasks_join_in_bounded_memory(tmp_path: Path, taken: list[int]) -> None:
    names = [f"t{t:03}" for t in range(200)]
    family = make_family(names, layout={"w": np.empty((32, 32), np.float32), "b": np.empty(32, np.float32)})
    saved = family.save(tmp_path)
    allowed = resident_bytes() + (1 << 29)  # whatever other tests have imported
    store = Store.init(tmp_path / "store", saved.base, RunOptions(memory=allowed, workers=2))
    store.add(saved.finetuned)
    plan = plan_steps(compressing(store, "basis", num_atoms=16, fit_on=32), store.options)
    assert plan.projected_bytes <= allowed
    taken.clear()
    basis = compress(store, "basis", num_atoms=16, fit_on=32)
    assert taken[-1] == 16 * (16 + 168)
    assert sum(taken) < 32 * 32 + 16 * (16 + 168) + 1
    v = oracles.matrix(family, basis.tasks)
    off = np.linalg.norm(recovered_matrix(basis, family) - v, axis=0) / np.linalg.norm(v, axis=0)
    assert list(basis.certificate.task_errors.values()) == pytest.approx(off.tolist(), rel=1e-3)
