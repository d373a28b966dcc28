from __future__ import annotations

import pytest

from taskvec.testing.families import Family, SavedFamily, make_family


@pytest.fixture(scope="session")
def family() -> Family:
    return make_family("abcd", seed=5, shared=0.3)


@pytest.fixture(scope="session")
def saved(family: Family, tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    return family.save(tmp_path_factory.mktemp("models"))
