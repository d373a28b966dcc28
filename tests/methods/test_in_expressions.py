"""Every method in expressions: over a store, on parts of vectors, over a basis, and within each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from merge_cases import call, required

import oracles
from example_edits import edit_of_checkpoints
from taskvec import Store, TaskVector, compress, decompose, edit
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_store import ground_of
from taskvec.expressions import Named
from taskvec.merging.calls import named_merge
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS, Method
from taskvec.methods.rule import Combination
from taskvec.testing.families import Family, SavedFamily
from taskvec.vectors.output import OutputOptions

METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


@pytest.fixture(scope="module")
def store(saved: SavedFamily, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store.init(tmp_path_factory.mktemp("expressions") / "store", saved.base)
    made.add(saved.finetuned)
    decompose(made, rank=2, threshold=0.3)
    compress(made, "two", num_atoms=2)
    return made


@METHOD
def test_over_a_store_it_is_the_merge_itself(method: Method, store: Store, saved: SavedFamily, tmp_path: Path) -> None:
    edit(store, f"base + 0.5*{call(method.name, 'a', 'b', each=True)}", tmp_path / "out")
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in "ab"[: method.max_inputs]}
    (0.5 * Merge(method, vectors, required(method.name, len(vectors))).vector).apply_to().save(tmp_path / "direct")
    assert oracles.bits(oracles.load(tmp_path / "out")) == oracles.bits(oracles.load(tmp_path / "direct"))


@METHOD
def test_its_leaf_has_the_name_of_the_merge(method: Method, saved: SavedFamily) -> None:
    names = "ab"[: method.max_inputs]
    given = {"t": 0.05} if method.name == "nearswap" else {"steps": (3.0, 5.0)} if method.name == "fednova" else {}
    leaf = named_merge("own", method, [{Named(name): 1.0} for name in names], given)
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in names}
    assert str(replace(leaf, name=None)) == Merge(method, vectors, given).name
    assert str(leaf) == "own"


@METHOD
def test_it_takes_parts_sums_and_other_merges(method: Method, store: Store, tmp_path: Path) -> None:
    expression = f"base + {call(method.name, 'a.unique - 0.5*b.shared', 'ties(a, c, density=0.5)', each=True)}"
    editing = Editing.of(ground_of(store), expression)
    planned = editing.plan(tmp_path / "out")
    assert planned.passes[-1].label.startswith("combine")
    editing.save(tmp_path / "out")
    found = oracles.load(tmp_path / "out")
    assert all(np.isfinite(found[name].astype(np.float64)).all() for name in found)


@METHOD
def test_over_a_basis_it_is_the_merge_of_the_recovered_vectors(method: Method, store: Store, tmp_path: Path) -> None:
    result = edit(store, f"base + {call(method.name, 'a', 'b', each=True)}", tmp_path / "out", basis="two")
    assert result.certificate is not None
    is_fixed = isinstance(method.rule, Combination) and method.rule.gram is None
    assert (result.certificate["relative_error"] is not None) == is_fixed


def test_a_fixed_combination_over_a_basis_has_the_error_of_that_combination(store: Store, tmp_path: Path) -> None:
    calls = {"sum": "base + a + 0.5*b", "merge": "base + task_arithmetic(a, b, weight=[1, 0.5])"}
    found = [edit(store, text, tmp_path / name, basis="two").certificate for name, text in calls.items()]
    assert found[0] == found[1]


def test_whole_models_may_be_written_with_the_base(saved: SavedFamily, family: Family, tmp_path: Path) -> None:
    """From the base to a model, as a recipe names both."""
    edit_of_checkpoints(saved.base, saved.finetuned, "base + slerp(base, base + a, t=0.25)").save(tmp_path / "out")
    found = oracles.load(tmp_path / "out")["embed.weight"]
    start, end = (models["embed.weight"].astype(np.float64) for models in (family.base, family.finetuned["a"]))
    angle = np.arccos((start * end).sum() / np.linalg.norm(start) / np.linalg.norm(end))
    wanted = (np.sin(0.75 * angle) * start + np.sin(0.25 * angle) * end) / np.sin(angle)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_merge_is_planned_without_reading_a_weight(saved: SavedFamily, tmp_path: Path) -> None:
    refs = {name: tmp_path / name for name in "ab"}
    for name, ref in refs.items():
        ref.symlink_to(saved.finetuned[name])
    editing = edit_of_checkpoints(saved.base, refs, "base + sce(a, b) + karcher(a, b)")
    labels = [planned.label for planned in editing.plan(tmp_path / "out").passes]
    assert labels[-1].startswith("combine")
    assert any("inner products" in label for label in labels)
    assert any("count" in label for label in labels)


def test_options_may_differ_between_tensors(saved: SavedFamily, family: Family, tmp_path: Path) -> None:
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in "ab"}
    weights = {"embed.weight": [0.0, 1.0], "scale": [1.0, 1.0]}
    merge = Merge("task_arithmetic", vectors, {"weight": lambda tensor: weights.get(tensor, 0.0)})
    merge.vector.apply_to().save(tmp_path / "out", OutputOptions())
    found = oracles.load(tmp_path / "out")
    deltas = {name: oracles.delta(family.base, family.finetuned[name]) for name in "ab"}
    np.testing.assert_allclose(
        found["embed.weight"], family.base["embed.weight"] + deltas["b"]["embed.weight"], atol=1e-6
    )
    np.testing.assert_allclose(
        found["scale"], family.base["scale"] + deltas["a"]["scale"] + deltas["b"]["scale"], atol=1e-6
    )
    assert found["layer.weight"].tobytes() == family.base["layer.weight"].tobytes()


def _uses_products(method: Method) -> bool:
    return isinstance(method.rule, Combination) and method.rule.gram is not None


def _is_of_points(method: Method) -> bool:
    names = ["a", "b"][: method.max_inputs]
    return isinstance(method.rule, Combination) and method.rule.points(method.settings(names, {}).at(""))


@pytest.mark.parametrize("method", [one for one in METHODS.values() if _uses_products(one)], ids=lambda one: one.name)
def test_products_that_the_store_has_are_not_taken_again(method: Method, saved: SavedFamily, tmp_path: Path) -> None:
    store = Store.init(tmp_path / "store", saved.base)
    for name, model in saved.finetuned.items():
        store.add({name: model})
    expression = f"base + {call(method.name, 'a', 'b - 0.5*c')}"

    def labels() -> list[str]:
        return [planned.label for planned in Editing.of(ground_of(store), expression).plan(tmp_path / "next").passes]

    assert ["inner products" in label for label in labels()] == [True, False]
    edit(store, expression, tmp_path / "out")
    products_with_the_base = [True] if _is_of_points(method) else []  # a store keeps those of task vectors alone
    assert ["inner products" in label for label in labels()] == [*products_with_the_base, False]
