from __future__ import annotations

from pathlib import Path

import pytest

from taskvec import Store
from taskvec.testing.families import Family, SavedFamily, make_family

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="session")
def family() -> Family:
    return make_family(NAMES, seed=3, shared=0.2)


@pytest.fixture
def saved(family: Family, tmp_path: Path) -> SavedFamily:
    return family.save(tmp_path / "models")


@pytest.fixture
def store(saved: SavedFamily, tmp_path: Path) -> Store:
    made = Store.init(tmp_path / "store", saved.base)
    made.add(saved.finetuned)
    return made
