"""Released bases, in files made as their authors' code makes them."""

from __future__ import annotations

import json
import pickle  # noqa: S403
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recovery import recovered_matrix

import oracles
from taskvec import Basis, Store, edit
from taskvec.bases.official.files import read_official
from taskvec.bases.official.importing import import_official, importing_official
from taskvec.bases.sharing import export_basis
from taskvec.cli.certificate_text import basis_text
from taskvec.errors import AlignmentError, BasisError
from taskvec.store.kinds.bases import BASES
from taskvec.streaming import plan_steps
from taskvec.testing.families import Family

torch = pytest.importorskip("torch")
TASKS = list("abcdef")


def split(family: Family, flat: np.ndarray) -> dict[str, Any]:
    parts, done = {}, 0
    for name in oracles.combinable(family.base):
        shape = family.base[name].shape
        size = int(np.prod(shape))
        parts[name] = torch.tensor(flat[done : done + size].reshape(shape), dtype=torch.float32)
        done += size
    return parts


def save_run(folder: Path, method: str, atoms: list[Any], **info: Any) -> None:
    folder.mkdir(exist_ok=True)
    torch.save({"basis_vectors": atoms, "num_basis": len(atoms), "method": method}, folder / "basis_vectors.pt")
    (folder / "method_info.json").write_text(json.dumps({"method": method, "M": len(atoms), "datasets": TASKS, **info}))


def save_autoencoder(folder: Path, family: Family) -> tuple[np.ndarray, np.ndarray]:
    v = oracles.matrix(family)
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal((6, 3)), rng.standard_normal((3, 6))
    b = np.exp(a / 5) / np.exp(a / 5).sum(axis=0)
    save_run(folder, "AutoencoderBasisMethod", [split(family, column) for column in (v @ b).T])
    metadata = {"datasets": TASKS, "M": 3, "tau_init": 5.0, "anneal_every": None, "method": "AutoencoderBasisMethod"}
    payload = {name: torch.tensor(value, dtype=torch.float32) for name, value in (("A", a), ("W", w), ("B", b))}
    torch.save({**payload, "metadata": metadata}, folder / "AWB.pt")
    return v, v @ b @ w


def save_pca(folder: Path, family: Family) -> tuple[np.ndarray, np.ndarray]:
    v = oracles.matrix(family)
    mean = v.mean(axis=1)
    u, s, vh = np.linalg.svd(v - mean[:, None], full_matrices=False)
    save_run(folder, "PCABasisMethod", [split(family, u[:, m] * s[m]) for m in range(2)])
    names = oracles.combinable(family.base)
    contents = {
        "coefficients": torch.tensor(vh[:2], dtype=torch.float32),
        "mean_vector": torch.tensor(mean, dtype=torch.float32),
        "singular_values": torch.tensor(s[:2]),
        "M_actual": 2,
        "total_dim": len(v),
        "keys_order": names,
        "param_shapes": {name: torch.Size(family.base[name].shape) for name in names},
        "dataset_names": TASKS,
    }
    torch.save(contents, folder / "pca_components.pt")
    return v, mean[:, None] + (u[:, :2] * s[:2]) @ vh[:2]


SAVERS = {"autoencoder": save_autoencoder, "pca": save_pca}


@pytest.mark.parametrize("method", SAVERS)
def test_a_released_basis_recovers_what_it_did(store: Store, family: Family, tmp_path: Path, method: str) -> None:
    v, recovered = SAVERS[method](tmp_path / "run", family)
    import_official(store, tmp_path / "run", "theirs")
    basis = Basis.load(Store(store.path), "theirs")
    assert basis.tasks == tuple(TASKS)
    assert basis.document.method == method
    np.testing.assert_allclose(recovered_matrix(basis, family), recovered, atol=1e-5)
    for t, task in enumerate(TASKS):
        truth = np.linalg.norm(recovered[:, t] - v[:, t]) / np.linalg.norm(v[:, t])
        assert basis.certificate.task_errors[task] == pytest.approx(truth, rel=1e-3)
    assert (basis.num_atoms, basis.num_stored) == ((3, 3) if method == "autoencoder" else (2, 3))


@pytest.mark.parametrize("method", SAVERS)
def test_without_the_vectors_errors_are_unknown(store: Store, family: Family, tmp_path: Path, method: str) -> None:
    _, recovered = SAVERS[method](tmp_path / "run", family)
    bare = Store.init(tmp_path / "bare", store.base.checkpoint.path)
    basis = import_official(bare, tmp_path / "run", "theirs")
    np.testing.assert_allclose(recovered_matrix(basis, family), recovered, atol=1e-5)
    told = basis.to_json()
    assert told["relative_error"] is told["sum_error"] is told["optimal_error"] is None
    assert set(told["task_errors"].values()) == {None}
    edit(bare, "base - 0.5*c", tmp_path / "out", basis="theirs")
    summed = edit(bare, f"sum({', '.join(TASKS)})", tmp_path / "sum", basis="theirs", addition="atoms").certificate
    assert summed is not None
    assert summed["relative_error"] is None
    assert "never met" in summed["unknown"]
    assert "relative error unknown (optimum unknown); errors of single tasks unknown; sum unknown" in "".join(
        basis_text(basis)
    )
    card = (export_basis(basis, tmp_path / "shared") / "README.md").read_text(encoding="utf-8")
    assert "| all tasks | unknown |" in card
    assert "nan" not in card


@pytest.mark.parametrize("has_vectors", [True, False])
def test_a_plan_says_what_it_takes_and_takes_nothing(
    store: Store, family: Family, tmp_path: Path, *, has_vectors: bool
) -> None:
    save_pca(tmp_path / "run", family)
    target = store if has_vectors else Store.init(tmp_path / "bare", store.base.checkpoint.path)
    plan = plan_steps(importing_official(target, tmp_path / "run"), target.options)
    assert not list((target.path / "objects").iterdir())
    assert [one.label for one in plan.passes][:1] == [f"inner products of {9 if has_vectors else 3} task vectors"]
    basis = import_official(target, tmp_path / "run", "theirs")
    assert plan.output_bytes == sum(state.size for atom in basis.document.atoms for state in atom.files)
    assert plan.projected_bytes <= plan.allowed_bytes


def test_data_sets_become_names_that_expressions_can_say(store: Store, family: Family, tmp_path: Path) -> None:
    save_pca(tmp_path / "run", family)
    described = tmp_path / "run" / "method_info.json"
    info = json.loads(described.read_text())
    described.write_text(
        json.dumps({**info, "datasets": ["CIFAR-10", "9lives", "base", "d\u00e9j\u00e0 vu", "MNISTVal", ""]})
    )
    basis = import_official(store, tmp_path / "run", "theirs")
    assert basis.tasks == ("CIFAR_10", "_9lives", "_base", "d_j__vu", "MNISTVal", "_")
    edit(store, f"base + 0.1*sum({', '.join(basis.tasks)})", tmp_path / "out", basis="theirs")
    described.write_text(json.dumps({**info, "datasets": ["a-b", "a_b", "c", "d", "e", "f"]}))
    with pytest.raises(BasisError, match="share a name"):
        import_official(store, tmp_path / "run", "again")


def test_files_are_mapped_where_their_form_allows_it(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_autoencoder(tmp_path / "run", family)
    atom, path = read_official(tmp_path / "run").atoms[0]["embed.weight"].copy(), tmp_path / "run" / "basis_vectors.pt"
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    load, mapped = torch.load, []

    def watched(file: Path, **how: Any) -> Any:
        mapped.append((file.name, how["mmap"], how["weights_only"]))
        return load(file, **how)

    monkeypatch.setattr(torch, "load", watched)
    np.testing.assert_array_equal(read_official(tmp_path / "run").atoms[0]["embed.weight"], atom)
    assert mapped == [("basis_vectors.pt", False, True), ("AWB.pt", True, True)]


def test_atoms_that_do_not_fit_the_base_leave_nothing(store: Store, family: Family, tmp_path: Path) -> None:
    save_autoencoder(tmp_path / "run", family)
    loaded = torch.load(tmp_path / "run" / "basis_vectors.pt", weights_only=True)
    loaded["basis_vectors"][1]["layer.weight"] = torch.zeros(6, 5)
    torch.save(loaded, tmp_path / "run" / "basis_vectors.pt")
    with pytest.raises(AlignmentError, match=r"layer\.weight"):
        import_official(store, tmp_path / "run", "theirs")
    assert not list((store.path / "objects").iterdir())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda atom: atom.pop("layer.weight"), r"layer\.weight is in the base .* missing from atom 0 of .*run: "),
        (lambda atom: atom.update(head=torch.zeros(2)), r"head is in atom 0 of .*run and not in the base .*: "),
    ],
)
@pytest.mark.parametrize(
    "take", [import_official, lambda store, run, _: plan_steps(importing_official(store, run), store.options)]
)
def test_atoms_of_another_base_are_no_matter_of_rules(
    store: Store, family: Family, tmp_path: Path, change: Any, says: str, take: Any
) -> None:
    save_autoencoder(tmp_path / "run", family)
    loaded = torch.load(tmp_path / "run" / "basis_vectors.pt", weights_only=True)
    change(loaded["basis_vectors"][0])
    torch.save(loaded, tmp_path / "run" / "basis_vectors.pt")
    with pytest.raises(AlignmentError, match=says + "this is a difference from another base: take it with its own$"):
        take(store, tmp_path / "run", "theirs")
    assert not list((store.path / "objects").iterdir())


def test_pickles_that_run_code_are_refused(store: Store, family: Family, tmp_path: Path) -> None:
    save_autoencoder(tmp_path / "run", family)

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    (tmp_path / "run" / "AWB.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BasisError, match=r"AWB.pt: cannot be read as plain tensors"):
        import_official(store, tmp_path / "run", "theirs")
    assert not (tmp_path / "exploded").exists()


def test_files_of_different_runs_are_refused(store: Store, family: Family, tmp_path: Path) -> None:
    save_autoencoder(tmp_path / "run", family)
    torch.save({"A": torch.ones(6, 2), "W": torch.ones(2, 6), "B": torch.ones(6, 2)}, tmp_path / "run" / "AWB.pt")
    with pytest.raises(BasisError, match="belong to different runs"):
        import_official(store, tmp_path / "run", "theirs")
    (tmp_path / "run" / "AWB.pt").unlink()
    with pytest.raises(
        BasisError, match=r"AWB\.pt is missing, which the authors' code writes .*: fetch the folder again$"
    ):
        import_official(store, tmp_path / "run", "theirs")
    for method, instead in (
        ("RandomBasisMethod", "a seed"),
        ("RandomSampleMethod", "are task vectors"),
        ("New", "PCA"),
    ):
        (tmp_path / "run" / "method_info.json").write_text(json.dumps({"method": method, "datasets": []}))
        with pytest.raises(BasisError, match=rf"a basis of {method} cannot be taken; .*{instead}"):
            import_official(store, tmp_path / "run", "theirs")
    assert store.documents.of(BASES).names() == ()
