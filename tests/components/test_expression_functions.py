"""Expressions over parts: orthogonal, shared_once, and the paper's merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from example_edits import edit_of_checkpoints
from taskvec import Store, TaskVector, compress, edit
from taskvec.components.decompose import decompose
from taskvec.editing.edit import Editing, plan_editing
from taskvec.editing.scope.over_store import OverStore, ground_of
from taskvec.errors import ExpressionError
from taskvec.streaming.steps import foresee_steps


def _vector(store: Store, expression: str) -> TaskVector:
    return Editing.of(ground_of(store), expression).edited.vector


def test_orthogonal_is_what_least_squares_leaves(store: Store) -> None:
    result = _vector(store, "orthogonal(a, b, c)")
    gram = store.gram(["a", "b", "c"]).total
    weights = np.linalg.solve(gram[1:, 1:], gram[1:, 0])
    expected = store["a"] - float(weights[0]) * store["b"] - float(weights[1]) * store["c"]
    assert (result - expected).norm() < 1e-9 * expected.norm()
    for other in "bc":
        assert abs(result.dot(store[other])) < 1e-6 * store["a"].norm() * store[other].norm()


def test_orthogonal_takes_sums_and_parts_and_the_same_vector_twice(store: Store) -> None:
    decompose(store, rank=8)
    result = _vector(store, "orthogonal(a.unique, b + c, b + c)")
    assert abs(result.dot(store["b"] + store["c"])) < 1e-6 * store["a"].norm() ** 2
    assert _vector(store, "orthogonal(a, a)").norm() < 1e-6 * store["a"].norm()


def test_a_plan_takes_no_inner_products(store: Store, tmp_path: Path) -> None:
    for path in (store.path / "gram").iterdir():
        path.unlink()
    expression = "base + orthogonal(a, b, c)"
    plan = plan_editing(Editing.understanding(OverStore(store), expression), tmp_path / "out", store.options)
    planned = foresee_steps(Editing.understanding(OverStore(store), expression), store.options).result
    assert [one.label for one in plan.passes] == [
        "inner products of 3 task vectors",
        "combine 3 sources",
    ]
    assert len(planned.edited.vector.terms) == 3
    assert not list((store.path / "gram").iterdir())
    with pytest.raises(ValueError, match="can only be planned"):
        planned.save(tmp_path / "out")
    Editing.of(ground_of(store), expression).save(tmp_path / "out")
    again = foresee_steps(Editing.understanding(OverStore(store), expression), store.options)
    assert again.passes == ()
    assert again.result.edited.vector.terms == Editing.of(ground_of(store), expression).edited.vector.terms


def test_shared_once_counts_the_shared_part_once(store: Store) -> None:
    found = decompose(store, rank=8)
    expected = found.unique("a") + found.unique("b") + found.unique("c") + found.consensus()
    result = _vector(store, "shared_once(a, b, c)")
    assert (result - expected).norm() < 1e-6 * expected.norm()
    pair = found.unique("a") + found.unique("c") + (found.shared("a") + found.shared("c")) / 2
    assert (_vector(store, "shared_once(a, c)") - pair).norm() < 1e-6 * pair.norm()
    assert _vector(store, "shared_once(a)").terms == store["a"].terms


def test_shared_once_counts_once_in_every_group(store: Store) -> None:
    decompose(store, rank=8, groups={"pair": ["a", "b"]}, threshold=0.7)
    everyone = {name: store[f"{name}.shared.all"] for name in "abc"}
    pair = {name: store[f"{name}.shared.pair"] for name in "ab"}
    assert min(vector.norm() for vector in (*everyone.values(), *pair.values())) > 0
    assert (store["a.shared"] - everyone["a"] - pair["a"]).norm() < 1e-6
    total = store["a"] + store["b"] + store["c"]
    expected = total - (everyone["a"] + everyone["b"] + everyone["c"]) * (2 / 3) - (pair["a"] + pair["b"]) / 2
    assert (_vector(store, "shared_once(a, b, c)") - expected).norm() < 1e-6 * expected.norm()


def test_the_papers_merge_is_a_plain_expression(store: Store) -> None:
    found = decompose(store, rank=8)
    result = _vector(store, "base + 0.3*sum(a, b) + 0.1*sum(a.shared, b.shared)")
    expected = 0.3 * (store["a"] + store["b"]) + 0.1 * (found.shared("a") + found.shared("b"))
    assert (result - expected).norm() < 1e-9


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("base + orthogonal(a)", "column 8: orthogonal needs what to be orthogonal to"),
        ("orthogonal(a, ties(b, c))", "column 1: orthogonal takes stored vectors"),
        ("orthogonal(a, 2)", "no numbers, and no base"),
        ("orthogonal(a, base + b)", "no numbers, and no base"),
        ("shared_once(a, b)", "column 1: a, b were not split together: run taskvec decompose"),
        ("shared_once(2*a, b)", "takes names of task vectors"),
        ("shared_once(a, a)", "takes names of task vectors"),
        ("shared_once(a, ties(b, c))", "takes names of task vectors"),
        ("shared_twice(a)", "unknown function 'shared_twice'; did you mean 'shared_once'"),
        ("orthogonal(a, b, density=2)", "takes no option"),
    ],
)
def test_mistakes_point_at_the_column(store: Store, expression: str, said: str) -> None:
    with pytest.raises(ExpressionError, match="column") as caught:
        _vector(store, expression)
    assert said in str(caught.value)


PARTS = ("a.shared", "b.shared")


def test_shared_once_over_a_basis_of_tasks_and_what_they_share(store: Store, tmp_path: Path) -> None:
    decompose(store, rank=8)
    compress(store, "four", num_atoms=4, tasks=[*"abc", *PARTS])
    whole, once = "sum(a, b) - 0.5*(a.shared + b.shared)", "shared_once(a, b)"
    expected = Editing.of(ground_of(store, "four"), whole)
    found = Editing.of(ground_of(store, "four"), once)
    assert (found.edited.vector - expected.edited.vector).norm() < 1e-9 * expected.edited.vector.norm()
    assert found.certificate == expected.certificate
    measured = edit(store, once, tmp_path / "out", basis="four", measure=True).certificate
    assert measured is not None
    assert 0 < measured["measured_error"] == pytest.approx(measured["relative_error"], rel=1e-3)
    assert store.documents.rename_vector("a", "alpha") == ("four",)
    once = "shared_once(alpha, b)"
    assert Editing.of(ground_of(store, "four"), once).edited.vector.terms == found.edited.vector.terms
    store.remove("alpha")
    with pytest.raises(ExpressionError, match=r"column 1: shared_once asks .* alpha left .*: add what is gone"):
        Editing.of(ground_of(store, "four"), once)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("shared_once(a, b)", "basis 'two' does not hold a.shared, b.shared, which .*--tasks a,b,c,a.shared,b.shared"),
        ("shared_once(a, ties(b, c))", "shared_once takes names of task vectors"),
        ("a.unique", "'a' has no unique part; basis 'two' keeps parts of those alone that it was made with"),
    ],
)
def test_a_basis_says_which_parts_it_lacks(store: Store, expression: str, said: str) -> None:
    decompose(store, rank=8)
    compress(store, "two", num_atoms=2)
    with pytest.raises(ExpressionError, match=f"column 8: {said}"):
        Editing.of(ground_of(store, "two"), f"base + {expression}")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("orthogonal(a, b)", "orthogonal needs inner products, which a store keeps: add the models to one"),
        ("shared_once(a, b)", "shared_once needs a decomposition, which a store keeps"),
        ("a.unique", "'a' has no unique part; parts are those of a store"),
    ],
)
def test_without_a_store_it_is_said_what_needs_one(store: Store, expression: str, said: str) -> None:
    models = {name: store.documents.vector(name).source.path for name in "ab"}
    with pytest.raises(ExpressionError, match=f"column 8: {said}"):
        edit_of_checkpoints(store.base.checkpoint.path, models, f"base + {expression}")
