"""Bases of adapters: atoms keep factors and are what the dense way gives; what a cut costs is in the certificate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from adapter_sets import SHAPES, Arrays, factors, save_peft

from taskvec import Basis, RunOptions, Store, TaskvecError, compress, edit
from taskvec.adapters import Targets
from taskvec.bases.collection import add_tasks
from taskvec.bases.compress import compressing
from taskvec.bases.factored_atoms import FactorKernel
from taskvec.bases.sharing import export_basis, import_basis
from taskvec.checkpoints import open_checkpoint
from taskvec.editing.edit import Editing
from taskvec.editing.lora_output import save_as_lora
from taskvec.editing.scope.over_store import ground_of
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.streaming import AlignedTensor, plan_steps
from taskvec.streaming.events import Event, Resumed
from taskvec.testing.checkpoints import save_folder
from taskvec.vectors.forms import LowRank

LARGE = dict.fromkeys(SHAPES, (64, 48))


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Adapters whose factors are much smaller than their products."""
    monkeypatch.setattr("adapter_sets.SHAPES", LARGE)
    rng = np.random.default_rng(5)
    base = {f"{m}.weight": rng.standard_normal(shape, np.float32) for m, shape in LARGE.items()}
    store = Store.init(tmp_path / "wide", save_folder(tmp_path / "wide-base", {**base, "norm": np.ones(5, np.float32)}))
    sets = {name: factors(seed, rank=seed) for seed, name in enumerate("abcd", start=1)}
    store.add({name: save_peft(tmp_path / f"wide-{name}", pairs) for name, pairs in sets.items()})
    return store


def truth(store: Store, name: str) -> Arrays:
    delta = store[name]
    return {tensor: (delta.apply_to().read(tensor) - store.base.checkpoint.read(tensor)) for tensor in LARGE_NAMES}


LARGE_NAMES = [f"{module}.weight" for module in LARGE]


def atom_arrays(basis: Basis, index: int) -> dict[str, np.ndarray]:
    atom = basis.atoms[index].source.checkpoint
    return {name: atom.read(name).astype(np.float64) for name in LARGE_NAMES}


@pytest.mark.parametrize("method", ["spectral", "autoencoder", "pca", "subset"])
@pytest.mark.parametrize("group", ["model", "tensor"])
def test_atoms_are_the_encoded_sums(wide: Store, method: str, group: str) -> None:
    options = {"options": {"steps": 20}} if method == "autoencoder" else {}
    basis = compress(wide, "few", num_atoms=2, method=method, group=group, **options)
    assert all(isinstance(atom, LowRank) for atom in basis.atoms)
    assert basis.document.is_factored
    deltas = {name: truth(wide, name) for name in wide.names}
    for own in basis.groups:
        assert own.encoder is not None
        for m in range(own.encoder.shape[1]):
            found = atom_arrays(basis, m)
            for tensor in set(own.tensors) & set(LARGE_NAMES):
                wanted = sum(w * deltas[name][tensor] for w, name in zip(own.encoder[:, m], wide.names, strict=True))
                np.testing.assert_allclose(found[tensor], wanted, atol=2e-5)


def test_they_are_as_good_as_dense_atoms_and_smaller(wide: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    thin = compress(wide, "thin", num_atoms=3)
    monkeypatch.setattr("taskvec.bases.factored_atoms.atom_ranks", lambda *_: None)
    whole = compress(wide, "whole", num_atoms=3)
    assert not whole.document.is_factored
    assert thin.certificate.relative_error == pytest.approx(whole.certificate.relative_error, rel=1e-5)
    assert thin.certificate.relative_error == pytest.approx(thin.certificate.optimal_error, rel=1e-5)
    assert thin.document.nbytes < whole.document.nbytes / 2


@pytest.mark.parametrize("rank", [1, 3, 100])
def test_the_certificate_has_the_error_of_the_cut(wide: Store, rank: int) -> None:
    basis = compress(wide, "cut", num_atoms=3, rank=rank)
    lost = total = 0.0
    for name in wide.names:
        recovered = basis.vectors[name].apply_to()
        for tensor, delta in truth(wide, name).items():
            found = recovered.read(tensor) - wide.base.checkpoint.read(tensor)
            lost += float(np.square(found - delta, dtype=np.float64).sum())
            total += float(np.square(delta, dtype=np.float64).sum())
    assert basis.certificate.relative_error == pytest.approx((lost / total) ** 0.5, rel=1e-3, abs=1e-6)
    if rank == 100:
        assert basis.certificate.relative_error == pytest.approx(basis.certificate.optimal_error, rel=1e-5)
    stored = basis.atoms[0].products(LARGE_NAMES[0])  # type: ignore[attr-defined]
    assert stored[0].rank == min(rank, 1 + 2 + 3 + 4)


def test_a_cut_atom_is_the_nearest_of_its_rank(wide: Store) -> None:
    whole, cut = compress(wide, "whole", num_atoms=2), compress(wide, "cut", num_atoms=2, rank=2)
    for tensor in LARGE_NAMES:
        exact, found = atom_arrays(whole, 0)[tensor], atom_arrays(cut, 0)[tensor]
        left, values, right = np.linalg.svd(exact)
        np.testing.assert_allclose(found, (left[:, :2] * values[:2]) @ right[:2], atol=1e-4)


def test_an_error_is_kept_with_the_cut_counted(wide: Store) -> None:
    basis = compress(wide, "good", max_error=0.9, rank=4)
    assert basis.certificate.relative_error <= 0.9
    with pytest.raises(TaskvecError, match="with the atoms' rounding"):
        compress(wide, "better", max_error=0.75, rank=1)


def test_edits_exports_and_new_tasks(wide: Store, tmp_path: Path) -> None:
    basis = compress(wide, "few", num_atoms=3)
    edit(wide, "base + 0.5*(a + d)", tmp_path / "out", basis="few")
    with open_checkpoint(tmp_path / "out") as written:
        for tensor in LARGE_NAMES:
            recovered = 0.5 * (basis.vectors["a"] + basis.vectors["d"])
            np.testing.assert_allclose(written.read(tensor), recovered.apply_to().read(tensor), atol=1e-6)
    export_basis(basis, tmp_path / "folder")
    again = import_basis(wide, tmp_path / "folder", "again")
    np.testing.assert_array_equal(atom_arrays(again, 1)[LARGE_NAMES[1]], atom_arrays(basis, 1)[LARGE_NAMES[1]])
    wide.add({"e": save_peft(tmp_path / "e", factors(9))})
    assert add_tasks(again, ["e"]).tasks == ("a", "b", "c", "d", "e")
    assert wide.verify() == []


def test_the_plan_and_the_bits(wide: Store, tmp_path: Path) -> None:
    plan = plan_steps(compressing(wide, "few", num_atoms=2), wide.options)
    found = compress(wide, "few", num_atoms=2)
    assert plan.output_bytes == sum(state.size for atom in found.document.atoms for state in atom.files)
    with pytest.raises(TaskvecError, match="compress fewer adapters at once"):
        compress(Store(wide.path, RunOptions(memory=1 << 20)), "small", num_atoms=2)
    for workers in (1, 2):
        other = compress(Store(wide.path, RunOptions(workers=workers)), f"by{workers}", num_atoms=2)
        assert [atom.fingerprint for atom in other.document.atoms] == [a.fingerprint for a in found.document.atoms]


def test_where_factors_save_nothing_atoms_are_whole(store: Store) -> None:
    assert not compress(store, "few", num_atoms=2).document.is_factored
    with pytest.raises(TaskvecError, match="these atoms are whole tensors; leave --rank out"):
        compress(store, "cut", num_atoms=2, rank=12)
    assert compress(store, "cut", num_atoms=2, rank=1).document.is_factored


def test_a_full_fine_tune_or_int8_makes_whole_atoms(wide: Store, tmp_path: Path) -> None:
    assert not compress(wide, "int8", num_atoms=2, dtype=_int8()).document.is_factored
    tuned = {name: wide.base.checkpoint.read(name) + 1 for name in wide.base.checkpoint.tensors}
    wide.add({"full": save_folder(tmp_path / "full", tuned)})
    assert not compress(wide, "mixed", num_atoms=2).document.is_factored


def _int8() -> object:
    from taskvec.types import DType

    return DType.I8


def test_an_interrupted_run_goes_on_with_the_same_bits(wide: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [atom.fingerprint for atom in compress(wide, "whole", num_atoms=3).document.atoms]
    done: list[str] = []
    untouched = FactorKernel.factors

    def interrupted(self: FactorKernel, tensor: AlignedTensor, atom: int) -> dict[str, np.ndarray]:
        if len(done) == 3 + 1:
            raise KeyboardInterrupt
        done.append(tensor.name)
        return untouched(self, tensor, atom)

    def noted(self: FactorKernel, tensor: AlignedTensor, atom: int) -> dict[str, np.ndarray]:
        done.append(tensor.name)
        return untouched(self, tensor, atom)

    events: list[Event] = []
    one = Store(wide.path, RunOptions(executor="serial", listener=events.append))
    monkeypatch.setattr(FactorKernel, "factors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compress(one, "cut", num_atoms=3)
    first = len(done)
    monkeypatch.setattr(FactorKernel, "factors", noted)
    assert [atom.fingerprint for atom in compress(one, "cut", num_atoms=3).document.atoms] == whole
    assert done[0] not in done[first:]  # all atoms had the first tensor already
    assert set(done[first:]) == set(LARGE_NAMES[1:])
    (resumed,) = [event for event in events if isinstance(event, Resumed)]
    assert resumed.count > 0


def test_an_adapter_of_a_recovered_vector_comes_from_the_factors(wide: Store, tmp_path: Path) -> None:
    basis = compress(wide, "few", num_atoms=3)
    editing = Editing.of(ground_of(wide, "few"), "base + a")
    result = save_as_lora(editing, tmp_path / "lora", RankRule(rank=10), Targets())
    assert result.truncation_error < 1e-5
    wide.add({"again": tmp_path / "lora"})
    for tensor, values in truth(wide, "again").items():
        recovered = basis.vectors["a"].apply_to().read(tensor) - wide.base.checkpoint.read(tensor)
        np.testing.assert_allclose(values, recovered, atol=1e-4)
