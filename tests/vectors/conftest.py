from __future__ import annotations

from pathlib import Path

import pytest

from taskvec import Store
from taskvec.testing.families import Family, SavedFamily, make_family

NAMES = ("math", "code", "law")


@pytest.fixture(scope="session")
def family() -> Family:
    return make_family(NAMES)


@pytest.fixture
def saved(family: Family, tmp_path: Path) -> SavedFamily:
    return family.save(tmp_path / "models")


@pytest.fixture
def store(saved: SavedFamily, tmp_path: Path) -> Store:
    """A store of all tasks of the family."""
    store = Store.init(tmp_path / "store", saved.base)
    store.add(saved.finetuned)
    return store
