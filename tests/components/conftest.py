from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from taskvec import Store
from taskvec.testing.families import SavedFamily, make_family

LAYOUT = {
    "layer.0.weight": np.empty((48, 32), np.float32),
    "layer.1.kernel": np.empty((40, 8, 5), ml_dtypes.bfloat16),
    "layer.2.weight": np.empty((30, 50), np.float16),
    "bias": np.empty(48, np.float32),
    "scale": np.empty((), np.float32),
    "empty": np.empty((0, 3), np.float32),
    "ids": np.arange(5),
}


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    return make_family(["a", "b", "c"], layout=LAYOUT, shared=0.6).save(tmp_path_factory.mktemp("family"))


@pytest.fixture
def store(family: SavedFamily, tmp_path: Path) -> Store:
    store = Store.init(tmp_path / "store", family.base)
    store.add(family.finetuned)
    return store
