from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from taskvec import Store
from taskvec.testing.families import Family, SavedFamily, make_family

pytest.register_assert_rewrite("oracles", "taskvec.testing.executor_contract")

settings.register_profile(
    "taskvec",
    deadline=None,  # the first example loads compiled kernels
    derandomize=True,  # the same examples everywhere; look for new ones with --hypothesis-profile=search
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("taskvec"), derandomize=False, max_examples=500)
settings.load_profile("taskvec")

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
