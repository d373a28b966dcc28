from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from operations import OPERATIONS, REFERENCE, WAYS, Bytes, long_family

from taskvec import RunOptions
from taskvec.numerics.kernels import TILE
from taskvec.streaming.executors import EXECUTORS
from taskvec.testing.families import SavedFamily


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    return long_family().save(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def expected(saved: SavedFamily, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bytes]:
    """The bytes of the reference run, each operation once."""
    known: dict[str, Bytes] = {}

    def of(operation: str) -> Bytes:
        if operation not in known:
            known[operation] = OPERATIONS[operation](saved, tmp_path_factory.mktemp("reference"), REFERENCE)
        return known[operation]

    return of


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_bits_do_not_depend_on_chunks_workers_and_executor(
    saved: SavedFamily, expected: Callable[[str], Bytes], tmp_path: Path, operation: str, way: str
) -> None:
    found = OPERATIONS[operation](saved, tmp_path, WAYS[way])
    assert found.keys() == expected(operation).keys()
    assert [name for name, content in found.items() if content != expected(operation)[name]] == []


def test_processes_write_the_same_files_side_by_side(
    saved: SavedFamily, expected: Callable[[str], Bytes], tmp_path: Path
) -> None:
    options = RunOptions(memory=4 << 30, workers=3, executor="processes", max_chunk=TILE)
    assert OPERATIONS["edit into shards"](saved, tmp_path, options) == expected("edit into shards")


def test_every_executor_is_in_the_table() -> None:
    assert {options.executor for options in WAYS.values()} == set(EXECUTORS)
