"""A killed run leaves nothing at its target, and the same command again ends with the bytes of an undisturbed run."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from interrupted_run import OPERATIONS, WHOLE_MATRICES
from safetensors.numpy import save_file

from taskvec import Store, compress
from taskvec.store.kinds.bases import BASES
from taskvec.streaming.units import make_units

SCRIPT = Path(__file__).with_name("interrupted_run.py")
SHAPES = {"embed": (2048, 1024), "layer": (1024, 1536), "norm": (1024,), "head": (2048, 1024), "step": ()}
NEVER = 10**9


def _write(path: Path, rng: np.random.Generator, base: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    path.mkdir()
    tensors = {}
    for name, shape in SHAPES.items():
        values = (
            rng.standard_normal(shape)
            if base is None
            else base[name].astype(np.float64) + 0.01 * rng.standard_normal(shape)
        )
        tensors[name] = np.asarray(values).astype(ml_dtypes.bfloat16)
    save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text("{}", encoding="utf-8")
    return tensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    base = _write(tmp_path / "base", rng)
    for name in ("a", "b", "c", "extra"):
        _write(tmp_path / name, rng, base)
    store = Store.init(tmp_path / "store", tmp_path / "base")
    for name in ("a", "b", "c"):
        store.add({name: tmp_path / name})
    return tmp_path


def _run(operation: str, folder: Path, units: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), operation, str(folder), str(units)]
    given = os.environ.get("PYTHONPATH", "")  # the package that this process imports, where it is not the installed one
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[2]), *filter(None, [given])])}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _snapshot(folder: Path) -> dict[str, object]:
    """Contents of everything that a run may write; documents without times of files."""
    contents: dict[str, object] = {}
    for top in ("store", "new_store", "edited"):
        for path in sorted((folder / top).rglob("*")):
            if path.is_file():
                data: object = path.read_bytes()
                contents[str(path.relative_to(folder))] = _timeless(data) if path.suffix == ".json" else data
    return contents


def _timeless(data: object) -> object:
    text = json.loads(data) if isinstance(data, bytes) else data
    if isinstance(text, dict):
        return {key: _timeless(value) for key, value in text.items() if not key.endswith("time_ns")}
    return [_timeless(value) for value in text] if isinstance(text, list) else text


def _forget(folder: Path, before: set[Path]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path not in before:
            path.unlink() if path.is_file() else path.rmdir()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_anywhere_then_finished_is_undisturbed(operation: str, folder: Path) -> None:
    before = set(folder.rglob("*"))
    assert _run(operation, folder, NEVER).returncode == 0
    undisturbed = _snapshot(folder)
    for units in np.random.default_rng(len(operation)).choice(6, 2, replace=False).tolist():
        _forget(folder, before)
        start = _snapshot(folder)
        killed = _run(operation, folder, units)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        after = {name: data for name, data in _snapshot(folder).items() if "/." not in name}
        assert after == start, "a killed run left something visible"
        finished = _run(operation, folder, NEVER)
        assert finished.returncode == 0, finished.stderr
        assert (int(finished.stdout) > 0) == (units > 0), "finished units were not taken up"
        assert _snapshot(folder) == undisturbed


def test_int8_atoms_go_on_from_any_step(folder: Path) -> None:
    before = set(folder.rglob("*"))
    assert _run("compress to int8", folder, NEVER).returncode == 0
    undisturbed = _snapshot(folder)
    units = 3 * len(make_units([math.prod(shape) for shape in SHAPES.values()]))  # of three passes
    taken_up = []
    for step in (units // 2, units - 2):  # while exact atoms are written, and while rounded ones are measured
        _forget(folder, before)
        assert _run("compress to int8", folder, step).returncode == -signal.SIGKILL
        finished = _run("compress to int8", folder, NEVER)
        assert finished.returncode == 0, finished.stderr
        assert _snapshot(folder) == undisturbed
        taken_up.append(int(finished.stdout))
    assert taken_up[1] > 1.5 * taken_up[0], "what was done before the rounding was done again"


def test_tasks_go_on_joining_a_basis(folder: Path) -> None:
    store = Store(folder / "store")
    store.add({"extra": folder / "extra"})
    document = compress(store, "one", num_atoms=1, tasks=["a", "b"]).document
    assert _run("join", folder, NEVER).stdout == "0\n"
    undisturbed = _snapshot(folder)
    store.documents.of(BASES).replace(document)
    assert _run("join", folder, 4).returncode == -signal.SIGKILL
    assert store.documents.of(BASES).load("one") == document
    finished = _run("join", folder, NEVER)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) > 0, "finished units were not taken up"
    assert _snapshot(folder) == undisturbed


def test_merges_go_on_from_what_they_had_measured(folder: Path) -> None:
    before = set(folder.rglob("*"))
    assert _run("merge", folder, NEVER).returncode == 0
    undisturbed = _snapshot(folder)
    assert not list(folder.glob(".edited*")), "notes are left beside a finished output"
    units = len(make_units([math.prod(shape) for shape in SHAPES.values()]))
    taken_up = []
    for step in (units - 2, 2 * units):  # while magnitudes are counted, and in the passes after it
        _forget(folder, before)
        assert _run("merge", folder, step).returncode == -signal.SIGKILL
        assert not (folder / "edited").exists()
        finished = _run("merge", folder, NEVER)
        assert finished.returncode == 0, finished.stderr
        assert _snapshot(folder) == undisturbed
        taken_up.append(int(finished.stdout))
    assert 0 < 1.5 * taken_up[0] < taken_up[1], "what was measured before was measured again"


def test_recipes_of_several_documents_go_on_with_the_one_that_was_killed(folder: Path) -> None:
    before = set(folder.rglob("*"))
    assert _run("recipe", folder, NEVER).returncode == 0
    undisturbed = _snapshot(folder)
    assert not list(folder.glob(".edited*")), "intermediate models are left beside a finished output"
    units = len(make_units([math.prod(shape) for shape in SHAPES.values()]))
    for step in (units - 2, units + 2):  # within the first document, and within the second
        _forget(folder, before)
        assert _run("recipe", folder, step).returncode == -signal.SIGKILL
        assert not (folder / "edited").exists()
        finished = _run("recipe", folder, NEVER)
        assert finished.returncode == 0, finished.stderr
        assert int(finished.stdout) > 0, "finished units were not taken up"
        assert _snapshot(folder) == undisturbed


@pytest.mark.parametrize("operation", WHOLE_MATRICES)
def test_killed_between_matrices_goes_on_with_the_next(operation: str, folder: Path) -> None:
    before = set(folder.rglob("*"))
    assert _run(operation, folder, NEVER).returncode == 0
    undisturbed = _snapshot(folder)
    assert any(name.endswith("matrix_00000.safetensors") for name in undisturbed)
    for units in (1, 3):  # in the middle, and while what was written is hashed
        _forget(folder, before)
        start = _snapshot(folder)
        assert _run(operation, folder, units).returncode == -signal.SIGKILL
        assert {name: data for name, data in _snapshot(folder).items() if "/." not in name} == start
        finished = _run(operation, folder, NEVER)
        assert finished.returncode == 0, finished.stderr
        assert int(finished.stdout) > 0
        assert _snapshot(folder) == undisturbed


def test_killed_again_and_again_goes_forward(folder: Path) -> None:
    for _ in range(20):
        run = _run("edit", folder, 1)
        if run.returncode == 0:
            break
    assert run.returncode == 0, run.stderr
    assert not list(folder.glob(".edited*"))


def test_changed_input_starts_over(folder: Path) -> None:
    assert _run("edit", folder, 3).returncode == -signal.SIGKILL
    os.utime(folder / "a" / "model.safetensors")
    finished = _run("edit", folder, NEVER)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) == 0


def test_torn_note_is_dropped(folder: Path) -> None:
    assert _run("edit", folder, 3).returncode == -signal.SIGKILL
    notes = folder / ".edited.partial" / ".journal"
    whole = notes.read_bytes()
    notes.write_bytes(whole[:-3])
    finished = _run("edit", folder, NEVER)
    assert finished.returncode == 0, finished.stderr
    taken_up = int(finished.stdout)
    assert taken_up > 0
    assert _run("edit", folder, NEVER).returncode != 0, "the output exists now"


def test_other_peoples_files_stay(folder: Path) -> None:
    theirs = folder / ".other.partial"
    theirs.mkdir()
    (theirs / "precious").write_text("mine", encoding="utf-8")
    assert _run("edit", folder, 2).returncode == -signal.SIGKILL
    assert _run("edit", folder, NEVER).returncode == 0
    assert (theirs / "precious").read_text(encoding="utf-8") == "mine"
