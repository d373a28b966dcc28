"""Measured ≤ projected ≤ allowed, and the least that a refusal names really is enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from limited_run import FORMULAS, OPERATIONS, PROCESSES, WHOLE_MATRICES

from taskvec import Store
from taskvec.streaming.memory import parse_size
from taskvec.testing.checkpoints import save_folder

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

PARAMS = 24 << 20
MODEL_BYTES = 2 * PARAMS
PIECE = 1 << 20
ROW = 4096
ROWS, COLUMNS = 325, 4000
MOST = 1.5
"""Times what is measured: a plan of more would refuse what could be done."""


def _model(seed: int, rows: int, others: int) -> dict[str, np.ndarray]:
    """One long tensor, and some that are a unit each; a short piece of noise over and over is noise enough."""
    noise = np.random.default_rng(seed).standard_normal(PIECE).astype(ml_dtypes.bfloat16)
    return {"long": np.tile(noise, rows * ROW // PIECE).reshape(rows, ROW), **{f"w{i}": noise for i in range(others)}}


def _save_models(folder: Path, rows: int, others: int) -> Path:
    for seed, name in enumerate(["base", "a", "b", "c"]):
        save_folder(folder / "models" / name, _model(seed, rows, others))
    store = Store.init(folder / "store", folder / "models" / "base")
    store.add({name: folder / "models" / name for name in "abc"})
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield (folder := _save_models(tmp_path_factory.mktemp("large"), PARAMS // ROW - 8 * PIECE // ROW, 8))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shorter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For formulas: they hold parts and rows, of which there need be no more than two workers take at once."""
    yield (folder := _save_models(tmp_path_factory.mktemp("shorter"), 4 * PIECE // ROW, 2))
    shutil.rmtree(folder)


def limited_run(operation: str, folder: Path, limit: int) -> dict[str, Any]:
    """Run an operation in a process of its own; what an earlier one wrote is not there any more."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    script = Path(__file__).with_name("limited_run.py")
    command = [sys.executable, str(script), operation, str(folder), str(limit)]
    usual = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=usual)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_least_that_is_named_is_enough_and_is_kept(operation: str, folder: Path) -> None:
    refusal = limited_run(operation, folder, 1 << 20)
    assert "of memory is not enough for" in refusal["refused"]
    least = re.search(r"the least that would do is (\w+): raise --memory", refusal["refused"])
    assert least is not None
    allowed = parse_size(least[1])
    assert allowed < refusal["resident"] + MODEL_BYTES, "so much that a whole model could be held"
    run = limited_run(operation, folder, allowed)
    assert run["measured"] <= run["projected"] <= run["allowed"] == allowed


@pytest.mark.parametrize("operation", FORMULAS)
def test_what_parts_take_is_planned(operation: str, shorter: Path) -> None:
    refusal = limited_run(operation, shorter, 1 << 20)
    least = re.search(r"the least that would do is (\w+): raise --memory", refusal["refused"])
    assert least is not None
    for allowed in (parse_size(least[1]), 2 * parse_size(least[1])):
        run = limited_run(operation, shorter, allowed)
        assert run["measured"] <= run["projected"] <= run["allowed"] == allowed
        assert run["projected"] <= MOST * run["measured"]


@pytest.mark.parametrize("operation", PROCESSES)
def test_what_processes_take_is_planned(operation: str, folder: Path) -> None:
    refusal = limited_run(operation, folder, 1 << 20)
    least = re.search(r"the least that would do is (\w+): raise --memory", refusal["refused"])
    assert least is not None
    for allowed, workers in ((parse_size(least[1]), 1), (2 * parse_size(least[1]), 2)):
        run = limited_run(operation, folder, allowed)
        assert run["workers"] == workers
        assert run["elsewhere"] > workers * (50 << 20), "nothing was done in other processes"
        assert run["measured"] <= run["projected"] <= run["allowed"] == allowed


@pytest.fixture(scope="module")
def matrices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three fine-tunes of three matrices, each of few strong directions and much weak noise; thin ones are quick."""
    folder, rng = tmp_path_factory.mktemp("matrices"), np.random.default_rng(0)
    base = {f"w{i}": rng.standard_normal((ROWS, COLUMNS), dtype=np.float32) for i in range(3)}
    save_folder(folder / "models" / "base", base)
    store = Store.init(folder / "store", folder / "models" / "base")
    for name in "abc":
        delta = rng.standard_normal((ROWS, 20), dtype=np.float32) @ rng.standard_normal((20, COLUMNS), dtype=np.float32)
        tuned = {key: values + 0.01 * delta + 0.001 * values for key, values in base.items()}
        store.add({name: save_folder(folder / "models" / name, tuned)})
    return folder


@pytest.mark.parametrize("operation", WHOLE_MATRICES)
def test_matrices_are_held_one_at_a_time(operation: str, matrices: Path) -> None:
    refusal = limited_run(operation, matrices, 1 << 20)
    least = re.search(r"the least that would do is (\w+): raise --memory", refusal["refused"])
    assert least is not None
    for allowed in (parse_size(least[1]), 2 * parse_size(least[1])):
        run = limited_run(operation, matrices, allowed)
        assert run["measured"] <= run["projected"] <= run["allowed"] == allowed
        shutil.rmtree(matrices / "store" / "decompositions", ignore_errors=True)
