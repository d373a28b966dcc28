"""Models and adapters saved by their libraries, quietly and without a network."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from adapter_sets import SETS, SHAPES, Arrays, save_peft
from library_models import Save, llama, save_on

from taskvec import Store
from taskvec.testing.checkpoints import save_folder


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Libraries warn of what they will change; that is not ours to fail on. None of them may reach for a network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def saved_base(tmp_path: Path, seeded: None) -> Path:
    llama().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def save_adapter(tmp_path: Path) -> Save:
    """Put a PEFT adapter on a saved model, give it random weights and save it."""

    def save(base: Path, name: str, seed: int = 0, kind: str = "AutoModelForCausalLM", **config: object) -> Path:
        model = getattr(transformers, kind).from_pretrained(base)
        return save_on(model, tmp_path / name, seed, **config)

    return save


@pytest.fixture
def base_arrays() -> Arrays:
    rng = np.random.default_rng(0)
    arrays: Arrays = {f"{m}.weight": rng.standard_normal(shape, np.float32) for m, shape in SHAPES.items()}
    return {**arrays, "layers.0.bias": np.zeros(12, np.float32), "steps": np.arange(3)}


@pytest.fixture
def base(tmp_path: Path, base_arrays: Arrays) -> Path:
    return save_folder(tmp_path / "base", base_arrays)


@pytest.fixture
def adapters(tmp_path: Path) -> dict[str, Path]:
    return {name: save_peft(tmp_path / f"adapter-{name}", pairs) for name, pairs in SETS.items()}


@pytest.fixture
def store(tmp_path: Path, base: Path, adapters: dict[str, Path]) -> Store:
    store = Store.init(tmp_path / "store", base)
    store.add(adapters)
    return store
