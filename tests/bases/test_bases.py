"""Laws of bases on disk: the certificate is the truth about the files, for every method, group and dtype."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from recovery import recovered_matrix, recovered_tensors

import oracles
from taskvec import Basis, Store, compress
from taskvec.bases.compress import compressing
from taskvec.errors import BasisError, SourceChangedError
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.store.kinds.bases import BASES
from taskvec.streaming import RunOptions, plan_steps
from taskvec.streaming.memory import resident_bytes
from taskvec.testing.families import Family, make_family
from taskvec.types import DType
from taskvec.vectors.edited import Edited

EXACT = {"dtype": DType.F32}
REQUESTS: dict[str, Mapping[str, Any]] = {
    "spectral": {"num_atoms": 3},
    "spectral, bf16": {"num_atoms": 3, "dtype": DType.BF16},
    "spectral, f32": {"num_atoms": 3, **EXACT},
    "spectral, int8": {"num_atoms": 3, "dtype": DType.I8},
    "spectral, a layer": {"num_atoms": 2, "group": "layer"},
    "spectral, a tensor, int8": {"num_atoms": 2, "group": "tensor", "dtype": DType.I8},
    "spectral, normalized": {"num_atoms": 3, "normalize": True},
    "spectral, an error": {"max_error": 0.5},
    "spectral, an error a tensor": {"max_error": 0.3, "group": "tensor", **EXACT},
    "spectral, an error of each task": {"max_error": 0.5, "worst_task": True},
    "autoencoder": {"num_atoms": 3, "method": "autoencoder", "options": {"steps": 200}},
    "autoencoder, a tensor": {"num_atoms": 2, "method": "autoencoder", "options": {"steps": 50}, "group": "tensor"},
    "pca": {"num_atoms": 2, "method": "pca"},
    "pca, an error a tensor": {"max_error": 0.4, "method": "pca", "group": "tensor", **EXACT},
    "subset": {"num_atoms": 3, "method": "subset"},
    "random": {"num_atoms": 3, "method": "random", "seed": 5},
    "random, a tensor": {"num_atoms": 3, "method": "random", "group": "tensor"},
}
REQUESTS |= {name: {"num_atoms": 3, "method": name} for name in BASIS_METHODS if name not in REQUESTS}
every_request = pytest.mark.parametrize("wanted", REQUESTS.values(), ids=REQUESTS)


def norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values))


@every_request
def test_the_certificate_is_the_truth(store: Store, family: Family, wanted: Mapping[str, Any]) -> None:
    compress(store, "basis", **wanted)
    basis = Basis.load(Store(store.path), "basis")
    v = oracles.matrix(family, basis.tasks)
    off = recovered_matrix(basis, family) - v
    certificate = basis.certificate
    assert certificate.relative_error == pytest.approx(norm(off) / norm(v), rel=1e-3)
    for t, task in enumerate(basis.tasks):
        assert certificate.task_errors[task] == pytest.approx(norm(off[:, t]) / norm(v[:, t]), rel=1e-3, abs=1e-6)
    for coefficients in ([1.0] * 6, [0.4, -1.0, 0.0, 0.0, 2.0, 0.3]):
        truth = norm(off @ coefficients) / norm(v @ coefficients)
        assert certificate.error_of(coefficients) == pytest.approx(truth, rel=1e-3, abs=1e-6)


@every_request
def test_group_errors_are_the_truth(store: Store, family: Family, wanted: Mapping[str, Any]) -> None:
    basis = compress(store, "basis", **wanted)
    tensors = recovered_tensors(basis, family)
    deltas = {task: oracles.delta(family.base, family.finetuned[task]) for task in basis.tasks}
    for group in basis.groups:
        lost, total = 0.0, 0.0
        for task in basis.tasks:
            off = sum(norm(tensors[name][task] - deltas[task][name]) ** 2 for name in group.tensors)
            energy = sum(norm(deltas[task][name]) ** 2 for name in group.tensors)
            assert group.task_errors[task] == pytest.approx(
                np.sqrt(off / energy) if energy else 0.0, rel=1e-3, abs=1e-6
            )
            lost, total = lost + off, total + energy
        assert group.relative_error == pytest.approx(np.sqrt(lost / total) if total else 0.0, rel=1e-3, abs=1e-6)


@every_request
def test_vectors_come_from_the_atoms(store: Store, family: Family, wanted: Mapping[str, Any]) -> None:
    basis = compress(store, "basis", **wanted)
    expected = recovered_tensors(basis, family)
    vector = 0.5 * basis.vectors["b"] - basis.vectors["e"]
    for name in oracles.combinable(family.base):
        found = Edited(vector, None).read(name).astype(np.float64)
        wanted_values = 0.5 * expected[name]["b"] - expected[name]["e"]
        np.testing.assert_allclose(found, wanted_values, rtol=1e-2, atol=2e-3)


@every_request
def test_no_basis_beats_its_bound(store: Store, wanted: Mapping[str, Any]) -> None:
    basis = compress(store, "basis", **wanted)
    assert basis.certificate.relative_error >= basis.certificate.optimal_error * (1 - 1e-9)
    if "max_error" in wanted:
        errors = (
            basis.certificate.task_errors.values() if wanted.get("worst_task") else [basis.certificate.relative_error]
        )
        assert max(errors) <= wanted["max_error"]


@every_request
def test_bytes_are_those_on_disk(store: Store, wanted: Mapping[str, Any]) -> None:
    basis = compress(store, "basis", **wanted)
    files = [path for path in (store.path / "objects").rglob("*") if path.is_file()]
    coefficients = sum(group.decoder.nbytes for group in basis.groups)
    assert basis.document.nbytes == sum(path.stat().st_size for path in files) + coefficients
    assert len(files) == (0 if basis.document.random else basis.num_stored)


@every_request
def test_the_order_of_tasks_does_not_matter(store: Store, wanted: Mapping[str, Any]) -> None:
    if wanted.get("method") == "autoencoder":
        pytest.skip("its seed is bound to positions")
    straight = compress(store, "straight", tasks=list("abcdef"), **wanted).certificate
    turned = compress(store, "turned", tasks=list("dbfeca"), **wanted).certificate
    assert turned.task_errors == pytest.approx(straight.task_errors, rel=1e-3)


@every_request
def test_the_plan_reads_nothing_and_fits(store: Store, wanted: Mapping[str, Any]) -> None:
    plan = plan_steps(compressing(store, "basis", **wanted), store.options)
    assert plan.projected_bytes <= plan.allowed_bytes
    assert plan.passes
    assert not list((store.path / "objects").iterdir())
    assert store.documents.of(BASES).names() == ()


@every_request
def test_the_plan_counts_what_is_written(store: Store, wanted: Mapping[str, Any]) -> None:
    store.gram()
    plan = plan_steps(compressing(store, "basis", **wanted), store.options)
    basis = compress(store, "basis", **wanted)
    written = sum(state.size for atom in basis.document.atoms for state in atom.files)
    if wanted.get("dtype") is DType.I8:  # exact atoms are there too, until they are rounded
        plain = compress(store, "plain", **{**wanted, "dtype": DType.F32})
        written += sum(state.size for atom in plain.document.atoms for state in atom.files)
    assert plan.output_bytes == written


def test_a_plan_without_inner_products_is_for_the_most_atoms(store: Store) -> None:
    for path in (store.path / "gram").iterdir():
        path.unlink()
    unknown = plan_steps(compressing(store, "basis", max_error=0.3, group="tensor"), store.options)
    basis = compress(store, "basis", max_error=0.3, group="tensor")
    known = plan_steps(compressing(store, "again", max_error=0.3, group="tensor"), store.options)
    written = sum(atom.nbytes for atom in basis.document.atoms)
    assert [each.label[:5] for each in unknown.passes] == ["inner", "write"]
    assert known.passes[0].written_bytes == written < unknown.passes[1].written_bytes


def test_an_error_that_cannot_be_reached_is_refused_by_the_plan_too(store: Store) -> None:
    store.gram()
    with pytest.raises(BasisError, match="the least, with 5 atoms"):
        plan_steps(compressing(store, "basis", max_error=0.001, dtype=DType.F32), store.options)


@pytest.mark.parametrize("worst_task", [False, True])
def test_an_error_that_groups_cannot_reach_says_which_they_can_and_where_they_lose_most(
    store: Store, *, worst_task: bool
) -> None:
    wanted: Any = {"group": "tensor", "worst_task": worst_task, **EXACT}
    with pytest.raises(BasisError, match=r"with 5 atoms, is .*, lost most in .*; allow that much or keep") as refused:
        compress(store, "basis", max_error=0.01, **wanted)
    assert not list((store.path / "objects").iterdir())
    said = re.search(r"is ([\d.]+), lost most in (\S+), then in (\S+), (\S+);", str(refused.value))
    assert said is not None, "a group that loses to rounding alone is named"
    least, *named = said.groups()
    basis = compress(store, "basis", max_error=float(least), **wanted)
    assert max(len(group.decoder) for group in basis.groups) < 6
    five = compress(store, "five", num_atoms=5, group="tensor", **EXACT)
    errors, worst = five.certificate, five.tasks.index(five.certificate.worst_task)
    reached = errors.task_errors[errors.worst_task] if worst_task else errors.relative_error
    assert float(least) == pytest.approx(reached, abs=0.001)
    lost = {group.name: group.lost[worst] if worst_task else group.lost.sum() for group in five.groups}
    assert named == sorted(lost, key=lost.__getitem__, reverse=True)[:3]


def test_an_error_that_rounding_takes_away_says_which_is_left(store: Store) -> None:
    exact = compress(store, "exact", num_atoms=5, **EXACT).certificate.relative_error
    with pytest.raises(BasisError, match="with the atoms' rounding, no basis of fewer than 6 atoms") as refused:
        compress(store, "basis", max_error=exact * (1 + 1e-6), dtype=DType.BF16)
    (least,) = re.findall(r"the least that was found is ([\d.]+); allow that much", str(refused.value))
    assert float(least) > exact
    assert compress(store, "basis", max_error=float(least), dtype=DType.BF16).num_atoms == 5


def test_groups_lose_less_with_the_same_number_of_atoms(store: Store) -> None:
    errors = [
        compress(store, f"of_{group}", num_atoms=2, group=group, **EXACT).certificate.relative_error
        for group in ("tensor", "layer", "model")
    ]
    assert errors == sorted(errors)


def test_groups_need_fewer_bytes_for_the_same_error(store: Store) -> None:
    whole = compress(store, "whole", max_error=0.3, **EXACT)
    parts = compress(store, "parts", max_error=0.3, group="tensor", **EXACT)
    assert len({len(group.decoder) for group in parts.groups}) > 1
    sizes = [sum(atom.nbytes for atom in basis.document.atoms) for basis in (parts, whole)]
    assert sizes[0] < sizes[1]


def test_atoms_go_first_where_they_take_fewer_bytes(tmp_path: Path) -> None:
    layout = {"narrow": np.empty((32, 32), ml_dtypes.bfloat16), "wide": np.empty((32, 32), np.float32)}
    saved = make_family("abcdef", layout=layout).save(tmp_path / "models")
    store = Store.init(tmp_path / "store", saved.base)
    store.add(saved.finetuned)
    kept, widened = (
        {group.name: len(group.decoder) for group in compress(store, name, max_error=0.5, group="tensor", **how).groups}
        for name, how in (("kept", {}), ("widened", EXACT))
    )
    assert kept["narrow"] > kept["wide"]
    assert abs(widened["narrow"] - widened["wide"]) <= 1


def test_one_atom_less_would_not_do(store: Store) -> None:
    enough = compress(store, "enough", max_error=0.5, **EXACT)
    fewer = compress(store, "fewer", num_atoms=enough.num_atoms - 1, **EXACT)
    assert enough.certificate.relative_error <= 0.5 < fewer.certificate.relative_error


def test_the_worst_task_may_need_more_atoms(store: Store) -> None:
    together = compress(store, "together", max_error=0.5, **EXACT)
    each = compress(store, "each", max_error=0.5, worst_task=True, **EXACT)
    assert each.num_atoms > together.num_atoms


def test_int8_is_smaller_and_nearly_as_good(tmp_path: Path) -> None:
    family = make_family("abcdef", layout={"w": np.empty((64, 256), np.float32)})
    saved = family.save(tmp_path / "models")
    store = Store.init(tmp_path / "store", saved.base)
    store.add(saved.finetuned)
    exact, small = (compress(store, n, num_atoms=3, dtype=d) for n, d in (("exact", DType.F32), ("small", DType.I8)))
    assert small.document.nbytes < 0.3 * exact.document.nbytes
    assert (
        exact.certificate.relative_error < small.certificate.relative_error < 1.001 * exact.certificate.relative_error
    )


def test_addition_of_atoms_is_the_plain_sum(store: Store, family: Family) -> None:
    basis = compress(store, "basis", num_atoms=3, **EXACT)
    v = oracles.matrix(family, basis.tasks)
    assert basis.encoder is not None
    atoms = (v @ basis.encoder).sum(axis=1)
    found = np.concatenate(
        [Edited(basis.atom_sum, None).read(n).reshape(-1) for n in oracles.combinable(family.base)]
    ).astype(np.float64)
    np.testing.assert_allclose(found, atoms, rtol=1e-2, atol=2e-3)
    truth = v.sum(axis=1)
    assert basis.atom_sum_cosine == pytest.approx(atoms @ truth / norm(atoms) / norm(truth), abs=1e-4)


def test_addition_of_centred_atoms_points_elsewhere(store: Store) -> None:
    pca = compress(store, "pca", num_atoms=3, method="pca", **EXACT)
    assert abs(pca.atom_sum_cosine) < 0.1
    assert pca.certificate.sum_error < 1e-5
    assert (pca.num_atoms, pca.num_stored, len(pca.document.atoms)) == (3, 4, 4)


def test_equal_and_zero_vectors_are_handled_and_named(family: Family, tmp_path: Path) -> None:
    saved = family.save(tmp_path / "models")
    store = Store.init(tmp_path / "store", saved.base)
    twice = {"again": saved.finetuned["a"], "none": saved.base}
    store.add({**saved.finetuned, **twice})
    basis = compress(store, "basis", num_atoms=6, **EXACT)
    assert basis.certificate.relative_error < 1e-5
    assert basis.certificate.task_errors["none"] < 1e-6
    assert basis.notes[:2] == (
        "a and again are the same task vector",
        "none is zero: its fine-tuned model equals the base",
    )


def test_a_basis_needs_no_method_of_its_name(store: Store) -> None:
    document = compress(store, "basis", num_atoms=2).document.model_copy(update={"method": "of a later version"})
    store.documents.of(BASES).replace(document)
    basis = Basis.load(store, "basis")
    assert basis.to_json()["method"] == "of a later version"
    assert basis.vectors["a"].norm() > 0


def test_altered_atoms_are_noticed(store: Store) -> None:
    basis = compress(store, "basis", num_atoms=2)
    path = store.path / basis.document.atoms[1].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceChangedError, match="atom 1 of basis 'basis'"):
        _ = Basis.load(Store(store.path), "basis").vectors


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"num_atoms": 6}, "6 atoms for 6 task vectors: use 1 to 5"),
        ({"num_atoms": 0}, "use 1 to 5"),
        ({"num_atoms": 5, "method": "pca"}, "5 atoms and 1 more that pca stores for 6 task vectors: use 1 to 4"),
        ({"max_error": 0.001, **EXACT}, "the least, with 5 atoms, is"),
        (
            {"max_error": 0.001, "group": "tensor"},
            r"6 atoms in every tensor has .* the least, with 5 atoms",
        ),
        ({"max_error": 1.5}, "between 0 and 1"),
        ({"max_error": 0.5, "method": "random"}, "say how many"),
        ({"num_atoms": 2, "max_error": 0.5}, "not both"),
        ({"num_atoms": 2, "group": "block"}, "unknown group 'block': use one of model, layer, tensor"),
        ({"num_atoms": 2, "method": "svd"}, "unknown method 'svd'"),
        ({"num_atoms": 1, "tasks": ["a"]}, "at least two task vectors"),
        ({"num_atoms": 2, "tasks": ["a", "b"]}, "2 atoms for 2 task vectors: use 1$"),
        ({"num_atoms": 1, "tasks": ["a", "b"], "method": "pca"}, "for 2 task vectors: add more task vectors"),
    ],
)
def test_what_no_basis_can_be_is_refused(store: Store, wanted: Mapping[str, Any], message: str) -> None:
    with pytest.raises(BasisError, match=message):
        compress(store, "basis", **wanted)
    assert store.documents.of(BASES).names() == ()
    assert not list((store.path / "objects").iterdir())


def test_vectors_that_are_all_zero_are_refused(store: Store, family: Family, tmp_path: Path) -> None:
    base = store.base.checkpoint.path
    zeros = Store.init(tmp_path / "zeros", base)
    zeros.add({"x": base, "y": base})
    with pytest.raises(BasisError, match="all task vectors are zero"):
        compress(zeros, "basis", num_atoms=1)


def test_two_hundred_vectors_fit_in_memory(tmp_path: Path) -> None:
    names = [f"t{t}" for t in range(200)]
    saved = make_family(names, layout={"w": np.empty((32, 32), np.float32), "b": np.empty(32, np.float32)}).save(
        tmp_path
    )
    allowed = resident_bytes() + (1 << 29)  # whatever other tests have imported
    store = Store.init(tmp_path / "store", saved.base, RunOptions(memory=allowed, workers=2))
    store.add(saved.finetuned)
    basis = compress(store, "basis", num_atoms=100)
    assert basis.certificate.relative_error == pytest.approx(basis.certificate.optimal_error, rel=1e-3)
    plan = plan_steps(compressing(store, "again", num_atoms=100), store.options)
    assert plan.projected_bytes <= allowed
