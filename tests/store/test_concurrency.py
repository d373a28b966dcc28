"""Several processes at one store at once: nothing is lost, and of two that want one name, one is told."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from taskvec import Store, TaskvecError
from taskvec.streaming import RunOptions
from taskvec.testing.families import make_family

WAYS = ("linked", "copied")


def add(path: Path, refs: Mapping[str, Path], way: str) -> str | None:
    try:
        Store(path, RunOptions(workers=1)).add(refs, copy=way == "copied")
    except TaskvecError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def processes() -> ProcessPoolExecutor:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_that_add_at_once_lose_nothing(processes: ProcessPoolExecutor, tmp_path: Path, way: str) -> None:
    names = [f"t{i}" for i in range(12)]
    saved = make_family(names).save(tmp_path)
    path = Store.init(tmp_path / "store", saved.base).path
    jobs = [processes.submit(add, path, {name: saved.finetuned[name]}, way) for name in names]
    assert [job.result() for job in jobs] == [None] * len(names)
    store = Store(path)
    assert list(store.names) == sorted(names)
    assert store.verify() == []
    assert store.gram().total.shape == (12, 12)
    assert not [entry for entry in path.rglob(".*") if entry.is_file()]


def test_of_two_processes_that_want_one_name_one_is_told(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    names = [f"t{i}" for i in range(8)]
    saved = make_family(names).save(tmp_path)
    path = Store.init(tmp_path / "store", saved.base).path
    jobs = [processes.submit(add, path, {"best": saved.finetuned[name]}, "linked") for name in names]
    outcomes = [job.result() for job in jobs]
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == len(names) - 1
    for outcome in refused:
        assert "task vector 'best' exists already" in outcome or "'best' was added meanwhile" in outcome
    winner = names[outcomes.index(None)]
    document = json.loads((path / "vectors" / "best.json").read_text())
    assert document["source"]["path"] == str(saved.finetuned[winner])
