"""The models that are measured: what they hold, and the same again from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.cache import publish
from benchmarks.families import BASE_SCALE, Family, make_family
from benchmarks.layouts import even, llama

from taskvec import Store, open_checkpoint, similarity

LAYOUT = llama(hidden=64, layers=1, intermediate=96, vocabulary=128)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return make_family(
        tmp_path_factory.mktemp("models"), llama(hidden=64, layers=1, intermediate=96, vocabulary=128), 3
    )


def test_the_full_llama_has_the_weights_that_are_promised() -> None:
    layout = llama(hidden=1024, layers=16, intermediate=2560, vocabulary=30_000)
    assert layout.num_params == 254_411_776


def test_a_model_has_the_tensors_of_its_layout(family: Family) -> None:
    for folder in family.folders:
        with open_checkpoint(folder) as checkpoint:
            shapes = {name: tuple(info.shape) for name, info in checkpoint.tensors.items()}
        assert shapes == dict(family.layout.shapes)


def test_task_vectors_are_small_and_alike(family: Family, tmp_path: Path) -> None:
    store = Store.init(tmp_path / "store", family.base)
    store.add(family.finetuned)
    found = similarity(store)
    assert found.cosine[~np.eye(3, dtype=bool)] == pytest.approx(0.5, abs=0.05)
    expected = 0.01 * BASE_SCALE * family.layout.num_params**0.5
    assert np.sqrt(np.diag(found.gram)) == pytest.approx(expected, rel=0.1)


def test_weights_follow_from_the_seed(family: Family, tmp_path: Path) -> None:
    again = make_family(tmp_path, family.layout, 3)
    pairs = zip(family.files, again.files, strict=True)
    assert all(one.read_bytes() == other.read_bytes() for one, other in pairs)
    assert len({file.read_bytes() for file in again.files}) == 4


def test_weights_are_spread_over_as_many_files_as_asked(tmp_path: Path) -> None:
    sharded, whole = (make_family(tmp_path, even(7, 10, num_shards=count), 1) for count in (3, 1))
    assert len(sharded.files) == 6
    with open_checkpoint(sharded.base) as many, open_checkpoint(whole.base) as one:
        assert list(many.tensors) == list(one.tensors)


def test_a_folder_that_could_not_be_finished_is_not_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        publish(tmp_path / "cache" / "model", fail)
    assert list((tmp_path / "cache").iterdir()) == []
