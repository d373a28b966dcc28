"""Jobs are values: pickled and unpickled, one gives the same bits for every unit. A new kernel is a row."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from operations import NAMES, add, compress_and_edit, decompose_and_edit, edit_model, gram, long_family

import taskvec
from taskvec import RunOptions, Store, compress, edit
from taskvec.adapters import extract_lora
from taskvec.components.attributing import attribute
from taskvec.editing.file_hashes import hash_files
from taskvec.streaming import Kernel
from taskvec.streaming.executors import EXECUTORS
from taskvec.testing.checkpoints import save_folder
from taskvec.testing.families import SavedFamily, make_family
from taskvec.testing.travelling import TravellingExecutor

FLOORS = ("vectors", "store", "merging", "bases", "adapters", "components", "editing", "streaming")


def _store(saved: SavedFamily, folder: Path, options: RunOptions) -> Store:
    store = Store.init(folder / "store", saved.base, options)
    store.add({name: saved.finetuned[name] for name in NAMES[:3]})
    return store


def _merged(expression: str) -> Callable[[SavedFamily, Path, RunOptions], None]:
    def merge(saved: SavedFamily, folder: Path, options: RunOptions) -> None:
        edit(_store(saved, folder, options), f"base + {expression}", folder / "out")

    return merge


def _attribute(saved: SavedFamily, folder: Path, options: RunOptions) -> None:
    attribute(_store(saved, folder, options), saved.finetuned["d"], rank=3)


def _extract(saved: SavedFamily, folder: Path, options: RunOptions) -> None:
    small = make_family(["t"], seed=1, layout={"a.weight": np.empty((30, 20), np.float32)}).save(folder / "small")
    extract_lora(small.base, small.finetuned["t"], folder / "lora", rank=2, options=options)


def _factored_atoms(saved: SavedFamily, folder: Path, options: RunOptions) -> None:
    rng = np.random.default_rng(3)
    base = save_folder(folder / "thin", {"a.weight": rng.standard_normal((60, 50)).astype(np.float32)})
    store = Store.init(folder / "store", base, options)
    for name in "xyz":
        change = rng.standard_normal((60, 1)) @ rng.standard_normal((1, 50))
        tuned = save_folder(
            folder / name, {"a.weight": store.base.checkpoint.read("a.weight") + change.astype(np.float32)}
        )
        extract_lora(base, tuned, folder / f"{name}-lora", rank=1, options=options)
        store.add({name: folder / f"{name}-lora"})
    assert compress(store, "two", num_atoms=2).document.is_factored


def _hash(saved: SavedFamily, folder: Path, options: RunOptions) -> None:
    path = folder / "file"
    path.write_bytes(os.urandom(3_000_000))
    hash_files([path], options)


OPERATIONS: Mapping[str, Callable[[SavedFamily, Path, RunOptions], object]] = {
    "CombineKernel": edit_model,
    "GramKernel": gram,
    "ScanKernel": add,
    "AtomKernel": compress_and_edit,
    "SplitKernel": decompose_and_edit,
    "ShareKernel": _attribute,
    "TruncateKernel": _extract,
    "FactorKernel": _factored_atoms,
    "HashKernel": _hash,
    "HighKernel": _merged("ties(a, b, c)"),
    "LowKernel": _merged("ties(a, b, c, trim=model)"),
    "EqualKernel": _merged("ties(a, b, c, trim=model)"),
    "SumsKernel": _merged("sce(a, b, c)"),
    "CopyKernel": _merged("coordinate_median(a, b, c)"),
}
"""Kernel → an operation whose passes have it."""


def _kernels() -> set[str]:
    """The kernels of the package that are not only there for others to be derived from."""
    for floor in FLOORS:
        package = importlib.import_module(f"taskvec.{floor}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found, waiting = set[str](), [Kernel]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(f"{taskvec.__name__}.") and not kind.__abstractmethods__:
            found.add(kind.__name__)
    return found


def test_every_kernel_is_in_the_table() -> None:
    assert _kernels() == set(OPERATIONS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    return long_family().save(tmp_path_factory.mktemp("models"))


@pytest.fixture
def travelling(monkeypatch: pytest.MonkeyPatch) -> Iterator[TravellingExecutor]:
    executor = TravellingExecutor()
    monkeypatch.setitem(EXECUTORS._records, executor.name, executor)
    return executor


@pytest.mark.parametrize("kernel", OPERATIONS)
def test_a_job_that_was_sent_gives_the_same_bits(
    kernel: str, saved: SavedFamily, tmp_path: Path, travelling: TravellingExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    OPERATIONS[kernel](saved, tmp_path, RunOptions(memory=4 << 30, executor=travelling.name))
    assert kernel in {type(task.job.kernel).__name__ for task in travelling.tasks}
