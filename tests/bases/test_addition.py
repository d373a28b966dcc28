"""The two meanings of a sum over a basis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recovery import recovered_matrix, tensors_of_atoms

import oracles
from taskvec import Store, compress, edit
from taskvec.errors import ExpressionError
from taskvec.testing.families import Family
from taskvec.types import DType
from taskvec.vectors.output import OutputOptions

SUM = "0.5*sum(a, b, c, d, e, f)"
F32 = OutputOptions(dtype=DType.F32)


def written(store: Store, out: Path, family: Family, addition: str) -> tuple[np.ndarray, float]:
    result = edit(store, SUM, out, basis="basis", addition=addition, output=F32)  # type: ignore[arg-type]
    values = oracles.load(out)
    assert result.certificate is not None
    flat = np.concatenate([values[n].reshape(-1) for n in oracles.combinable(family.base)]).astype(np.float64)
    return flat, result.certificate["relative_error"]


def test_recovered_vectors_are_added_unless_asked_otherwise(store: Store, family: Family, tmp_path: Path) -> None:
    basis = compress(store, "basis", num_atoms=3, dtype=DType.F32)
    found, error = written(store, tmp_path / "out", family, "recovered")
    expected = 0.5 * recovered_matrix(basis, family).sum(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert error == pytest.approx(basis.certificate.sum_error)


def test_atoms_are_added_as_the_paper_does(store: Store, family: Family, tmp_path: Path) -> None:
    basis = compress(store, "basis", num_atoms=3, dtype=DType.F32)
    found, error = written(store, tmp_path / "out", family, "atoms")
    names = oracles.combinable(family.base)
    expected = 0.5 * sum(np.concatenate([atom[n].reshape(-1) for n in names]) for atom in tensors_of_atoms(basis))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    truth = 0.5 * oracles.matrix(family).sum(axis=1)
    assert error == pytest.approx(np.linalg.norm(found - truth) / np.linalg.norm(truth), rel=1e-3)
    assert basis.atom_sum_cosine == pytest.approx(
        found @ truth / np.linalg.norm(found) / np.linalg.norm(truth), abs=1e-5
    )


def test_atoms_stand_for_no_other_expression(store: Store, tmp_path: Path) -> None:
    compress(store, "basis", num_atoms=3)
    with pytest.raises(ExpressionError, match="the sum of all tasks alike"):
        edit(store, "base + a + b", tmp_path / "out", basis="basis", addition="atoms")
    assert not (tmp_path / "out").exists()
