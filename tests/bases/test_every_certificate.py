"""Certificates beside the truth about the files: every method, dtype and group, normalised and not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from recovery import recovered_matrix, tensors_of_atoms

import oracles
from taskvec import Basis, Store, compress
from taskvec.linalg.encoders import METHODS
from taskvec.linalg.groups import Grouping
from taskvec.store.kinds.bases import BASES
from taskvec.streaming import RunOptions
from taskvec.testing.families import Family
from taskvec.types import DType
from taskvec.vectors.edited import Edited

WAYS: Mapping[str, Mapping[str, Any]] = {
    "spectral": {},
    "autoencoder": {"options": {"steps": 100}},
    "autoencoder, varpro": {"options": {"steps": 30, "solver": "varpro"}},
    "pca": {},
    "pca, refitted": {"options": {"refit": True}},
    "subset": {},
    "subset, at random": {"options": {"choice": "random"}},
    "random": {},
}
DTYPES = (DType.F32, DType.BF16, DType.F16, DType.I8)
STORED = itertools.product([way for way in WAYS if way != "random"], DTYPES)
CASES = (*STORED, ("random", DType.F32))
COEFFICIENTS = (*np.eye(6), np.ones(6), np.array([0.4, -1.0, 0.0, 0.0, 2.0, 0.3]))


@pytest.fixture(scope="module")
def store(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all of them; nothing here changes a vector."""
    folder = tmp_path_factory.mktemp("every")
    saved = family.save(folder / "models")
    made = Store.init(folder / "store", saved.base, RunOptions(workers=1))
    made.add(saved.finetuned)
    return made


def test_every_method_is_in_the_table() -> None:
    assert {way.partition(",")[0] for way in WAYS} == set(METHODS)


@pytest.mark.parametrize("group", Grouping)
@pytest.mark.parametrize(("way", "dtype"), CASES)
def test_the_certificate_is_the_truth(store: Store, family: Family, way: str, dtype: DType, group: str) -> None:
    for normalize in (False, True):
        wanted = {"num_atoms": 2, "dtype": dtype, "group": group, "normalize": normalize, **WAYS[way]}
        compress(store, "basis", method=way.partition(",")[0], **wanted)
        check(Basis.load(store, "basis"), family)
        store.documents.of(BASES).remove("basis")


def test_groups_may_have_different_numbers_of_atoms_beside_their_means(store: Store, family: Family) -> None:
    basis = compress(store, "uneven", max_error=0.4, method="pca", group="tensor", dtype=DType.F32)
    assert len({len(group.decoder) for group in basis.groups}) > 2
    check(basis, family)
    found = [Edited(basis.atom_sum, None).read(name).reshape(-1) for name in oracles.combinable(family.base)]
    np.testing.assert_allclose(np.concatenate(found), atom_sum(basis, family), rtol=1e-2, atol=2e-3)


def check(basis: Basis, family: Family) -> None:
    v = oracles.matrix(family, basis.tasks)
    off, certificate = recovered_matrix(basis, family) - v, basis.certificate
    for coefficients in COEFFICIENTS:
        truth = np.linalg.norm(off @ coefficients) / np.linalg.norm(v @ coefficients)
        assert certificate.error_of(coefficients) == pytest.approx(truth, rel=1e-3, abs=1e-6)
    assert certificate.relative_error == pytest.approx(np.linalg.norm(off) / np.linalg.norm(v), rel=1e-3, abs=1e-6)
    assert basis.atom_sum_error == pytest.approx(
        oracles.relative_error(atom_sum(basis, family), v.sum(axis=1)), rel=1e-3
    )


def atom_sum(basis: Basis, family: Family) -> np.ndarray:
    """The sum of the atoms that each group has, its mean left out, flat."""
    atoms = tensors_of_atoms(basis)
    counts = {tensor: len(group.decoder) for group in basis.groups for tensor in group.tensors}
    flat = []
    for name in oracles.combinable(family.base):
        count = max(counts[name] - basis.document.has_mean, 0)
        flat.append(sum((atom[name] for atom in atoms[:count]), np.zeros(family.base[name].shape)).reshape(-1))
    return np.concatenate(flat)
