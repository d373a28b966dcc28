"""The bits of a merge do not depend on chunk size, workers and executor, whatever the method."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from merge_cases import CASES, FIRST, Case
from test_streamed import OF_THE_MODEL, streamed

import oracles
from taskvec import RunOptions
from taskvec.methods import METHODS, Needs
from taskvec.numerics.kernels import TILE
from taskvec.streaming.units import BLOCK
from taskvec.testing.families import SavedFamily, make_family

REFERENCE = RunOptions(memory=4 << 30, workers=1, executor="serial")
WAYS = {
    "one tile at a time, three threads": RunOptions(memory=4 << 30, workers=3, max_chunk=TILE),
    "chunks that fit nothing": RunOptions(memory=4 << 30, workers=2, max_chunk=7 * TILE),
}
MERGEKIT = {case.method: case for case in CASES if case.options.get("semantics") == "mergekit"}
CHOSEN = (*FIRST.values(), *MERGEKIT.values(), *OF_THE_MODEL)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    layout = {
        "long": np.empty((BLOCK // 512 + 8, 515), ml_dtypes.bfloat16),
        "tall": np.empty((33, 129), np.float32),
        "bias": np.empty(TILE + 1, np.float16),
    }
    return make_family("abcd", seed=11, layout=layout).save(tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    """For singular values of whole matrices, which take long: cut into tiles, not into units."""
    layout = {"tall": np.empty((260, 33), np.float32), "bias": np.empty(TILE + 1, np.float16)}
    return make_family("abcd", seed=12, layout=layout).save(tmp_path_factory.mktemp("short"))


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_the_bits_are_the_same(case: Case, long: SavedFamily, short: SavedFamily, tmp_path: Path) -> None:
    saved = short if METHODS[case.method].needs is Needs.MATRICES else long

    @cache
    def bits(way: str) -> object:
        options = WAYS.get(way, REFERENCE)
        names = "abcd"[: case.tasks]
        return oracles.bits(streamed(saved, names, case.method, case.options, tmp_path / way.replace(" ", ""), options))

    assert {way: bits(way) == bits("reference") for way in WAYS} == dict.fromkeys(WAYS, True)
