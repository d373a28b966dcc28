"""Matrices that the range finder takes: on a torch device as on the processor, whatever the sizes of the deltas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from planted import orthonormal
from taskvec import RunOptions, Store
from taskvec.components.decompose import decompose
from taskvec.linalg.subspaces import operators
from taskvec.testing.checkpoints import save_folder


def _planted_store(folder: Path, scales: tuple[float, ...], options: RunOptions | None = None) -> Store:
    """One matrix, large enough for the range finder, whose deltas have two directions in common."""
    rng = np.random.default_rng(4)
    base = rng.standard_normal((600, 520)).astype(np.float32)
    store = Store.init(folder / "store", save_folder(folder / "base", {"w": base}), options)
    common = orthonormal(rng, 600, 2)
    for name, scale in zip("abc", scales, strict=True):
        columns = np.concatenate([common, orthonormal(rng, 600, 4)], axis=1)
        delta = scale * columns @ orthonormal(rng, 520, 6).T
        store.add({name: save_folder(folder / name, {"w": base + delta.astype(np.float32)})})
    return store


def test_on_a_torch_device_the_same_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``torch`` is the way of ``cuda`` on the processor."""
    asked = []
    monkeypatch.setattr(operators.TorchOperator, "times", _noted(operators.TorchOperator.times, asked))
    made = {}
    for device in ("cpu", "torch"):
        store = _planted_store(tmp_path / device, (1.0, 1.0, 1.0), RunOptions(device=device))
        made[device] = decompose(store, rank=6)
        assert bool(asked) == (device == "torch")
    assert made["cpu"].shared_dimensions == made["torch"].shared_dimensions == 2
    for task, energy in made["cpu"].shared_energy.items():
        assert made["torch"].shared_energy[task] == pytest.approx(energy, rel=1e-4)


def _noted(product: Callable[..., object], asked: list[str]) -> Callable[..., object]:
    def noted(self: operators.TorchOperator, right: object) -> object:
        asked.append(type(self).__name__)
        return product(self, right)

    return noted


def test_the_size_of_a_task_vector_does_not_matter(tmp_path: Path) -> None:
    alike = _planted_store(tmp_path / "alike", (1.0, 1.0, 1.0))
    scaled = _planted_store(tmp_path / "scaled", (1.0, 20.0, 0.2))
    found = [decompose(store, rank=6).shared_dimensions for store in (alike, scaled)]
    assert found == [2, 2]
    for name, scale in zip("abc", (1.0, 20.0, 0.2), strict=True):
        assert scaled[f"{name}.shared"].norm() == pytest.approx(scale * alike[f"{name}.shared"].norm(), rel=1e-3)
