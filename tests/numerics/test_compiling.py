"""Kernels are compiled once for one state of all their sources, and run wherever that cannot be."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
from numba.core.caching import Cache, CompileResultCacheImpl, IndexDataCacheFile

from taskvec.numerics import compiled_code
from taskvec.numerics.kernels import combine, gram, project
from taskvec.numerics.rounding import round_into, widen

KERNEL = """
from taskvec.numerics.compiling import compiled

@compiled
def doubled(values):
    for i in range(values.size):
        values[i] *= 2
"""

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a kernel anew, as another process would, and call it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "a_kernel.py"
    path.write_text(KERNEL, encoding="utf-8")

    def call(*dtypes: type) -> ModuleType:
        spec = importlib.util.spec_from_file_location("a_kernel", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for dtype in dtypes or (np.float64,):
            values = np.ones(3, dtype)
            module.doubled(values)
            assert values.tolist() == [2, 2, 2]
        return module

    return call


def compilations(module: ModuleType) -> int:
    return sum(module.doubled.stats.cache_misses.values())


def test_a_kernel_is_compiled_once(load: Load) -> None:
    assert [compilations(load()) for _ in range(2)] == [1, 0]


def test_a_kernel_is_compiled_anew_where_the_source_of_any_has_changed(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compilations(load()) == 1
    monkeypatch.setattr(compiled_code, "_sources", lambda: "of another state")
    assert compilations(load()) == 1


def test_code_of_other_types_is_not_called(load: Load, tmp_path: Path) -> None:
    """Two processes that compile for different types at once may write to each other's file."""
    load(np.float64, np.float32)
    first, second = sorted((tmp_path / "cache").rglob("*.nbc"))
    first.replace(tmp_path / "other")
    second.replace(first)
    (tmp_path / "other").replace(second)
    assert [compilations(load(np.float64, np.float32)) for _ in range(2)] == [2, 0]


def test_a_kernel_runs_where_no_folder_can_be_written_to(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    assert load().doubled.stats.cache_path is None


def test_a_kernel_runs_where_the_disk_is_full(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", save)
    assert [compilations(load()) for _ in range(2)] == [1, 1]


def test_another_numba_keeps_kernels_in_its_own_way(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.delattr(Cache, "_load_overload")
        with pytest.raises(ImportError, match="_load_overload"):
            importlib.reload(compiled_code)
    monkeypatch.setitem(sys.modules, "taskvec.numerics.compiled_code", None)
    assert [compilations(load()) for _ in range(2)] == [1, 0]


def test_a_kernel_is_the_function_where_numba_is_told_not_to_compile(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    assert not hasattr(load().doubled, "py_func")


def test_kernels_run_without_the_interpreter_lock() -> None:
    for kernel in (combine, gram, project, round_into, widen):
        assert kernel.targetoptions["nogil"] is True
