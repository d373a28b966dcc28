"""A plan loads every kernel that the command will call: compiled or loaded in mid-run, its memory is in no plan."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import COMMANDS, Command, make_models
from numba.core.dispatcher import Dispatcher

from taskvec import RunOptions, Store, numerics
from taskvec.streaming.events import Event, PassFinished, PassStarted

Loaded = set[tuple[str, Any]]

_MODULES = [
    importlib.import_module(f"{numerics.__name__}.{module.name}") for module in pkgutil.iter_modules(numerics.__path__)
]
_KERNELS = {
    f"{module.__name__}.{name}": found
    for module in _MODULES
    for name, found in vars(module).items()
    if isinstance(found, Dispatcher) and found.py_func.__module__ == module.__name__
}


def loaded() -> Loaded:
    return {(name, types) for name, kernel in _KERNELS.items() for types in kernel.signatures}


def unload() -> None:
    """Let no kernel be loaded, as in a new process."""
    for kernel in _KERNELS.values():
        kernel._reset_overloads()  # numba has no public way to forget what was loaded
    for module in _MODULES:
        for found in vars(module).values():
            if hasattr(found, "cache_clear"):
                found.cache_clear()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models") / "models")


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models, tmp_path / "models")


def in_new_process(kind: str, folder: Path, listener: Callable[[Event], None] = lambda _: None) -> Command:
    command = COMMANDS[kind](Store(folder / "store", RunOptions(listener=listener, workers=2)), folder)
    unload()
    return command


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_plan_loads_every_kernel_that_is_called(kind: str, folder: Path) -> None:
    command = in_new_process(kind, folder)
    command.plan()
    planned = loaded()
    command.work()
    assert loaded() - planned == set()


@pytest.mark.parametrize("kind", COMMANDS)
def test_no_kernel_is_loaded_while_a_pass_runs(kind: str, folder: Path) -> None:
    """Nor where nobody planned all of it beforehand, as in Python."""
    before: Loaded = set()
    late: Loaded = set()

    def note(event: Event) -> None:
        if isinstance(event, PassStarted):
            before.update(loaded())
        elif isinstance(event, PassFinished):
            late.update(loaded() - before)

    in_new_process(kind, folder, note).work()
    assert late == set()
