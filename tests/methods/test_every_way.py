"""Every method in every way: each equals the method's own definition on float64 arrays, for a model of one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from merge_cases import call, required

import oracles
from taskvec import Basis, Store, TaskVector, compress, decompose, edit, merge
from taskvec.errors import ExpressionError
from taskvec.methods import METHODS, Method
from taskvec.methods.rule import Combination
from taskvec.testing.checkpoints import save_folder

NAME, SHAPE, TASKS = "layers.0.weight", (12, 10), ("a", "b", "c")
METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(11)
    folder = tmp_path_factory.mktemp("models")
    base, common = rng.standard_normal((2, *SHAPE))
    save_folder(folder / "base", {NAME: base.astype(np.float32)})
    for task in TASKS:
        change = 0.3 * common + 0.3 * rng.standard_normal(SHAPE)
        save_folder(folder / task, {NAME: (base + change).astype(np.float32)})
    return folder


@pytest.fixture(scope="module")
def store(models: Path) -> Store:
    made = Store.init(models / "store", models / "base")
    made.add({task: models / task for task in TASKS})
    decompose(made, rank=4, threshold=0.5)
    compress(made, "two", num_atoms=2)
    return made


def base_of(store: Store) -> np.ndarray:
    return store.base.checkpoint.read(NAME).astype(np.float64)


def delta_of(vector: TaskVector, store: Store) -> np.ndarray:
    return vector.apply_to().read(NAME).astype(np.float64) - base_of(store)


def definition(method: Method, vectors: Mapping[str, TaskVector], store: Store) -> np.ndarray:
    """What the method is on arrays: float64, in memory."""
    deltas = [delta_of(vector, store) for vector in vectors.values()]
    return method(deltas, base=base_of(store), names=list(vectors), tensor=NAME, **required(method.name))


def inputs(method: Method, names: tuple[str, ...]) -> tuple[str, ...]:
    return names[: method.max_inputs or len(names)]


def check(out: Path, store: Store, wanted: np.ndarray) -> None:
    found = oracles.load(out)[NAME].astype(np.float64) - base_of(store)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-5)


@METHOD
def test_in_an_expression(method: Method, store: Store, tmp_path: Path) -> None:
    names = inputs(method, TASKS)
    edit(store, f"base + {call(method.name, *names)}", tmp_path / "out")
    check(tmp_path / "out", store, definition(method, {name: store[name] for name in names}, store))


@METHOD
def test_in_a_recipe(method: Method, models: Path, store: Store, tmp_path: Path) -> None:
    names = inputs(method, TASKS)
    options = required(method.name)
    sources = ", ".join(f"{name}: {models / name}" for name in names)
    (tmp_path / "recipe.yaml").write_text(
        f"base: {models / 'base'}\nvectors: {{{sources}}}\n"
        f"steps: {{merged: {{method: {method.name}, vectors: [{', '.join(names)}], options: {options}}}}}\n"
        "result: base + merged\n",
        encoding="utf-8",
    )
    merge(tmp_path / "recipe.yaml", tmp_path / "out", sha256=False)
    check(tmp_path / "out", store, definition(method, {name: store[name] for name in names}, store))


@METHOD
def test_of_parts(method: Method, store: Store, tmp_path: Path) -> None:
    names = inputs(method, ("a.unique", "b.shared", "c.unique"))
    edit(store, f"base + {call(method.name, *names)}", tmp_path / "out")
    check(tmp_path / "out", store, definition(method, {name: store[name] for name in names}, store))


@METHOD
def test_over_a_basis(method: Method, store: Store, tmp_path: Path) -> None:
    names, basis = inputs(method, TASKS), Basis.load(store, "two")
    edit(store, f"base + {call(method.name, *names)}", tmp_path / "out", basis="two")
    check(tmp_path / "out", store, definition(method, {name: basis.vectors[name] for name in names}, store))


@METHOD
def test_over_the_atoms(method: Method, store: Store, tmp_path: Path) -> None:
    expression = f"base + {method.name}({', '.join([*TASKS, *(f'{n}={v}' for n, v in required(method.name).items())])})"
    if method.max_inputs is not None:
        with pytest.raises(ExpressionError, match="expected"):  # these take one or two, and there are three tasks
            edit(store, expression, tmp_path / "out", basis="two", addition="atoms")
        return
    result = edit(store, expression, tmp_path / "out", basis="two", addition="atoms")
    assert result.certificate is not None
    assert result.certificate["addition"] == "atoms"
    basis = Basis.load(store, "two")
    atoms = {f"atom {m}": TaskVector.from_terms(store.base, {form: 1.0}) for m, form in enumerate(basis.atoms)}
    if isinstance(method.rule, Combination) and method.rule.gram is None:
        total = sum(delta_of(atom, store) for atom in atoms.values())  # a sum of all tasks is one of the atoms
        check(tmp_path / "out", store, total * (1 / 3 if method.name in {"linear", "fednova"} else 1))
        assert result.certificate["relative_error"] is not None
        return
    check(tmp_path / "out", store, definition(method, atoms, store))
    assert result.certificate["relative_error"] is None


@pytest.mark.parametrize("expression", ["ties(a, b)", "ties(a, b, 2*c)", "ties(a, b, c) + a", "sce(ties(a, b, c), a)"])
def test_atoms_stand_for_all_tasks_alike(store: Store, expression: str, tmp_path: Path) -> None:
    with pytest.raises(ExpressionError, match=r"atoms stand for the sum of all tasks alike, or for a merge of all"):
        edit(store, f"base + {expression}", tmp_path / "out", basis="two", addition="atoms")


def test_atoms_in_merges_of_merges(store: Store, tmp_path: Path) -> None:
    edit(store, "base + sum(a, b, c) - 0.5*sce(ties(c, a, b))", tmp_path / "out", basis="two", addition="atoms")
    atoms = [delta_of(TaskVector.from_terms(store.base, {a: 1.0}), store) for a in Basis.load(store, "two").atoms]
    merged = METHODS["sce"]([METHODS["ties"](atoms)])
    check(tmp_path / "out", store, sum(atoms) - 0.5 * merged)


def test_options_of_single_tasks_do_not_fit_atoms(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExpressionError, match=r"ties: density has a number for each task, and atoms are none of them"):
        edit(store, "base + ties(a, b, c, density=[0.1, 0.2, 0.3])", tmp_path / "out", basis="two", addition="atoms")
