"""Planning merges within merges asks each stored tensor for its kernels a few times, however many there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskvec import Store
from taskvec.checkpoints.table import FileSpan
from taskvec.editing.edit import Editing
from taskvec.editing.scope.over_store import ground_of
from taskvec.testing.checkpoints import save_folder

EXPRESSION = "base + ties(c, dare_ties(a, sce(a, b)))"


def asked(folder: Path, num_tensors: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often stored tensors are asked while an edit of so many is planned."""
    rng, calls = np.random.default_rng(0), []
    for name in ("base", "a", "b", "c"):
        tensors = {f"w{i}": rng.standard_normal((4, 4), np.float32) for i in range(num_tensors)}
        save_folder(folder / name, tensors)
    store = Store.init(folder / "store", folder / "base")
    store.add({name: folder / name for name in "abc"})

    def counted(span: FileSpan) -> tuple[str, ...]:
        calls.append(span)
        return ()

    monkeypatch.setattr(FileSpan, "calls", property(counted))
    Editing.of(ground_of(store), EXPRESSION).plan(folder / "out")
    return len(calls)


def test_what_is_asked_grows_as_the_tensors_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (asked(tmp_path / str(n), n, monkeypatch) for n in (4, 16))
    assert few > 0
    assert many <= 4 * few
