"""Errors over a basis that are measured against the task vectors themselves: the truth about the files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import oracles
from taskvec import Basis, Store, compress, edit, open_checkpoint
from taskvec.bases.collection import add_tasks
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_basis import Addition, OverBasis, OverTasks
from taskvec.editing.scope.over_store import ground_of
from taskvec.errors import ExpressionError, RecipeError
from taskvec.streaming.events import Event, PassStarted
from taskvec.testing.families import Family
from taskvec.types import DType
from taskvec.vectors.output import OutputOptions

F32 = OutputOptions(dtype=DType.F32)
ALL = "a, b, c, d, e, f"
SUMS = ("0.5*a - 0.2*d", f"mean({ALL})", "b + (c - a)", "-f", "a - orthogonal(b, c, d)", f"linear({ALL})")
MERGES = (f"ties({ALL}, density=0.5)", "0.3*a + 0.5*dare_ties(b, c, density=0.5)", "slerp(a, b, t=0.3)")


def added(store: Store, out: Path, expression: str, family: Family, **how: str) -> np.ndarray:
    """What an expression without base writes, flat."""
    edit(store, expression, out, output=F32, **how)  # type: ignore[arg-type]
    values = oracles.load(out)
    return np.concatenate([values[name].reshape(-1) for name in oracles.combinable(family.base)]).astype(np.float64)


@pytest.mark.parametrize("expression", [*SUMS, *MERGES])
def test_the_measured_error_is_that_of_the_files(store: Store, family: Family, tmp_path: Path, expression: str) -> None:
    compress(store, "two", num_atoms=2, dtype=DType.I8)
    found = added(store, tmp_path / "found", expression, family, basis="two")
    truth = added(store, tmp_path / "truth", expression, family)
    result = edit(store, f"base + {expression}", tmp_path / "out", basis="two", measure=True)
    assert result.certificate is not None
    measured, known = result.certificate["measured_error"], result.certificate["relative_error"]
    assert measured == pytest.approx(oracles.relative_error(found, truth), rel=1e-3)
    if expression in MERGES:
        assert known is None
        assert "sums alone" in result.certificate["unknown"]
    else:
        assert known == pytest.approx(measured, rel=1e-3)
        assert "unknown" not in result.certificate
    with open_checkpoint(tmp_path / "out") as out:
        assert json.loads(out.metadata["taskvec"])["certificate"] == result.certificate


@pytest.mark.parametrize("expression", [f"0.5*sum({ALL})", f"ties({ALL}, density=0.5)"])
def test_what_atoms_stand_for_is_measured_too(store: Store, family: Family, tmp_path: Path, expression: str) -> None:
    compress(store, "three", num_atoms=3, dtype=DType.F32)
    how: Addition = "atoms"
    found = added(store, tmp_path / "found", expression, family, basis="three", addition=how)
    truth = added(store, tmp_path / "truth", expression, family)
    result = edit(store, expression, tmp_path / "out", basis="three", addition=how, measure=True)
    assert result.certificate is not None
    assert result.certificate["measured_error"] == pytest.approx(oracles.relative_error(found, truth), rel=1e-3)


def test_measuring_changes_no_weight(store: Store, tmp_path: Path) -> None:
    compress(store, "two", num_atoms=2)
    for name, measure in (("plain", False), ("measured", True)):
        edit(store, "base + ties(a, b)", tmp_path / name, basis="two", measure=measure)
    plain, measured = (oracles.bits(oracles.load(tmp_path / name)) for name in ("plain", "measured"))
    assert plain == measured


def test_vectors_are_known_by_their_content(store: Store, tmp_path: Path) -> None:
    compress(store, "two", num_atoms=2)
    store.remove("a")
    store.add({name: store.path.parent / "models" / model for name, model in (("first", "a"), ("a", "f"))})
    result = edit(store, "base + a", tmp_path / "out", basis="two", measure=True)
    assert result.certificate is not None
    assert result.certificate["measured_error"] == pytest.approx(result.certificate["relative_error"], rel=1e-3)


def test_what_cancels_has_no_relative_error(store: Store, tmp_path: Path) -> None:
    store.add({"again": store.path.parent / "models" / "a"})
    compress(store, "two", num_atoms=2, tasks=["a", "b", "c", "again"])
    nothing = edit(store, "base + a - a", tmp_path / "nothing", basis="two", measure=True).certificate
    assert nothing is not None
    assert (nothing["relative_error"], nothing["measured_error"]) == (0, 0)


def test_vectors_that_are_gone_cannot_be_compared_with(store: Store, tmp_path: Path) -> None:
    compress(store, "two", num_atoms=2)
    store.remove("b")
    store.remove("c")
    with pytest.raises(ExpressionError, match=r"the task vectors themselves, and b, c left .*: add them again"):
        edit(store, "base + ties(a, b, c)", tmp_path / "out", basis="two", measure=True)
    with pytest.raises(RecipeError, match="name a store and its basis"):
        edit(store, "base + a", tmp_path / "out", measure=True)
    assert not list(tmp_path.glob("*out*"))
    assert edit(store, "base + a - d", tmp_path / "out", basis="two", measure=True).certificate is not None


def test_the_plan_says_what_measuring_reads(store: Store, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2)
    events: list[Event] = []
    watched = Store(store.path, replace(store.options, listener=events.append))
    over = Basis.load(watched, "two")
    editing = Editing.of(OverBasis(over), "base + a - f").with_truth(Editing.of(OverTasks(over), "base + a - f"))
    plan = editing.plan(tmp_path / "out")
    assert not events
    assert [one.label for one in plan.passes] == ["inner products of 4 task vectors", "combine 2 sources"]
    assert plan.projected_bytes <= plan.allowed_bytes
    editing.save(tmp_path / "out")
    started = [event for event in events if isinstance(event, PassStarted)]
    assert [event.total_bytes for event in started] == [
        planned.read_bytes + planned.written_bytes for planned in plan.passes
    ]
    assert plan.passes[0].read_bytes >= sum(atom.nbytes for atom in basis.document.atoms)


def test_orthogonal_over_a_basis_takes_the_coefficients_of_the_vectors_themselves(store: Store, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2, dtype=DType.F32)
    over, plain = (
        Editing.of(ground_of(store, name), "orthogonal(a, b, c)").edited.vector.terms for name in ("two", None)
    )
    weights = [plain[form] for name in "abc" for form in store[name].terms]
    combined = sum(
        (weight * basis.vectors[name] for weight, name in zip(weights[1:], "bc", strict=True)),
        weights[0] * basis.vectors["a"],
    )
    assert over.keys() == combined.terms.keys()
    assert list(over.values()) == pytest.approx(list(combined.terms.values()), rel=1e-9)


def test_orthogonal_needs_products_that_are_known(store: Store, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2, tasks=["a", "b", "c"])
    store.remove("b")
    add_tasks(basis, ["d"])
    with pytest.raises(ExpressionError, match="never met in the store: let them meet"):
        edit(store, "base + orthogonal(b, d)", tmp_path / "out", basis="two")
    result = edit(store, "base + b - d", tmp_path / "out", basis="two")
    assert result.certificate is not None
    assert result.certificate["relative_error"] is None
    assert "never met" in result.certificate["unknown"]
