"""Editing from atoms alone: what is read, what survives, what is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from recovery import recovered_tensors

import oracles
from taskvec import Basis, Store, compress, edit, open_checkpoint
from taskvec.errors import ExpressionError, SourceChangedError, StoreError
from taskvec.streaming.events import Event, PassStarted
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import Family

EXPRESSIONS = {
    "base + 0.4*sum(a, b, c, d, e, f)": [0.4] * 6,
    "base + a": [1, 0, 0, 0, 0, 0],
    "base + 0.5*(b - e) + mean(c, d)": [0, 0.5, 0.5, 0.5, -0.5, 0],
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_element_is_the_recovered_combination_rounded_once(
    store: Store, family: Family, tmp_path: Path, expression: str
) -> None:
    basis = compress(store, "four", num_atoms=4)
    edit(store, expression, tmp_path / "out", basis="four")
    found = oracles.load(tmp_path / "out")
    recovered = recovered_tensors(basis, family)
    for name in oracles.combinable(family.base):
        exact = family.base[name].astype(np.float64)
        for task, coefficient in zip(basis.tasks, EXPRESSIONS[expression], strict=True):
            exact += coefficient * recovered[name][task]
        oracles.assert_rounded_once(found[name], exact, 8.0, what=name)
    assert found["position_ids"].tobytes() == family.base["position_ids"].tobytes()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_certificate_of_an_expression_is_the_error_of_its_delta(
    store: Store, family: Family, tmp_path: Path, expression: str
) -> None:
    basis = compress(store, "four", num_atoms=4)
    result = edit(store, expression, tmp_path / "out", basis="four")
    recovered = recovered_tensors(basis, family)
    weights = dict(zip(basis.tasks, EXPRESSIONS[expression], strict=True))
    deltas = {task: oracles.delta(family.base, family.finetuned[task]) for task in weights}
    names = oracles.combinable(family.base)
    found = np.concatenate([sum(w * recovered[n][t] for t, w in weights.items()).reshape(-1) for n in names])
    truth = np.concatenate([sum(w * deltas[t][n] for t, w in weights.items()).reshape(-1) for n in names])
    assert result.certificate is not None
    assert result.certificate["relative_error"] == pytest.approx(oracles.relative_error(found, truth), rel=1e-3)
    with open_checkpoint(tmp_path / "out") as out:
        record = json.loads(out.metadata["taskvec"])
    assert record["certificate"] == result.certificate
    assert len(record["sources"]) == 4


def test_only_base_and_atoms_are_read(store: Store, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2)
    events: list[Event] = []
    watched = Store(store.path, replace(store.options, listener=events.append))
    edit(watched, "base + a - f", tmp_path / "out", basis="two")
    (started,) = [event for event in events if isinstance(event, PassStarted)]
    model = store.base.checkpoint.nbytes
    integers = 8 * 6
    atoms = sum(atom.nbytes for atom in basis.document.atoms)
    assert started.total_bytes == 2 * model + atoms + 2 * integers


def test_a_basis_outlives_the_vectors_it_was_made_from(store: Store, family: Family, tmp_path: Path) -> None:
    compress(store, "two", num_atoms=2)
    edit(store, "base + a", tmp_path / "before", basis="two")
    for name in family.names:
        store.remove(name)
        (store.path.parent / "models" / name / "model.safetensors").unlink()
    again = Store(store.path)
    edit(again, "base + a", tmp_path / "after", basis="two")
    assert oracles.bits(oracles.load(tmp_path / "before")) == oracles.bits(oracles.load(tmp_path / "after"))
    assert Basis.load(again, "two").certificate.relative_error > 0
    assert again.verify() == []


def test_equal_atoms_count_as_often_as_they_occur(tmp_path: Path) -> None:
    """Deltas of small whole numbers make atoms of equal bits, which the decoder shares the weight between."""
    rng = np.random.default_rng(0)
    base = {"w": np.zeros(64, ml_dtypes.bfloat16)}
    tuned = {"w": rng.integers(-4, 5, 64).astype(ml_dtypes.bfloat16)}
    store = Store.init(tmp_path / "store", save_folder(tmp_path / "base", base))
    store.add({name: save_folder(tmp_path / name, tuned) for name in ("a", "b", "c")})
    basis = compress(store, "two", num_atoms=2)
    assert basis.certificate.relative_error < 1e-6
    edit(store, "base + b", tmp_path / "out", basis="two")
    assert oracles.load(tmp_path / "out")["w"].tobytes() == tuned["w"].tobytes()


def test_an_altered_atom_is_noticed_and_nothing_is_written(store: Store, tmp_path: Path) -> None:
    basis = compress(store, "two", num_atoms=2)
    path = store.path / basis.document.atoms[0].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    remedy = "restore the files, or remove the basis, and compress again or import it again"
    with pytest.raises(SourceChangedError, match=rf"atom 0 of basis 'two': its source .* has changed .*: {remedy}$"):
        edit(store, "base + a", tmp_path / "out", basis="two")
    assert not list(tmp_path.glob("*out*"))
    path.unlink()
    with pytest.raises(StoreError, match=rf"atom 0 of basis 'two': its source .* cannot be opened: .*; {remedy}$"):
        edit(store, "base + a", tmp_path / "out", basis="two")
    (problem,) = store.verify()
    assert problem.startswith("atom 0 of basis 'two': ")
    assert problem.endswith(remedy)


@pytest.mark.parametrize(
    ("expression", "basis", "error", "says"),
    [
        ("base + aa", None, ExpressionError, "aa"),
        ("base + aa", "two", ExpressionError, "aa"),
        ("base + g", "two", ExpressionError, "g"),
        ("2*base + a", None, ExpressionError, "base occurs 2 times; write it once for a checkpoint"),
        ("0.5*base + a", "two", ExpressionError, "base occurs 0.5 times"),
        ("base + a", "tow", StoreError, r"there is no basis 'tow' in .* \(it has: two\)"),
        ("base + ", None, ExpressionError, "column"),
    ],
)
def test_what_cannot_be_understood_writes_nothing(
    store: Store, tmp_path: Path, expression: str, basis: str | None, error: type[Exception], says: str
) -> None:
    compress(store, "two", num_atoms=2)
    store.add({"g": store.path.parent / "models" / "a"})
    with pytest.raises(error, match=says):
        edit(store, expression, tmp_path / "out", basis=basis)
    assert not list(tmp_path.glob("*out*"))


def test_without_the_base_the_result_is_a_task_vector_of_that_base(store: Store, tmp_path: Path) -> None:
    result = edit(store, "a - b", tmp_path / "out")
    assert "config.json" not in result.files
    store.add({"moved": tmp_path / "out"})
    assert store["moved"].cosine(store["a"] - store["b"]) == pytest.approx(1, abs=1e-4)


def test_vectors_that_cancel_leave_the_base(store: Store, family: Family, tmp_path: Path) -> None:
    result = edit(store, "base + a - a", tmp_path / "out")
    assert oracles.bits(oracles.load(tmp_path / "out")) == oracles.bits(family.base)
    assert result.edited == 5
