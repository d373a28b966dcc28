from __future__ import annotations

from pathlib import Path

import pytest

from taskvec import Store
from taskvec.streaming import RunOptions
from taskvec.testing.families import Family, make_family

NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="session")
def family() -> Family:
    return make_family(NAMES, seed=1)


@pytest.fixture
def store(family: Family, tmp_path: Path) -> Store:
    saved = family.save(tmp_path / "models")
    made = Store.init(tmp_path / "store", saved.base, RunOptions(workers=2))
    made.add(saved.finetuned)
    return made
