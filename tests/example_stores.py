"""Stores with layers, families of tasks, bases and a decomposition, small enough to make for a test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from taskvec.bases.compress import compress
from taskvec.components.decompose import decompose
from taskvec.store.store import Store
from taskvec.testing.checkpoints import save_folder

FAMILIES = ("code", "law", "math", "chat")
SHAPE = (24, 16)


def task_names(count: int) -> list[str]:
    return [f"{FAMILIES[t % len(FAMILIES)]}_{t // len(FAMILIES):02d}" for t in range(count)]


def make_store(folder: Path, count: int, num_layers: int = 3) -> Store:
    """A store of `count` tasks in four families; the second task of the first family is almost the first."""
    rng = np.random.default_rng(0)
    tensors = [f"model.layers.{n}.{kind}.weight" for n in range(num_layers) for kind in ("attention", "mlp")]
    base = {name: rng.normal(size=SHAPE).astype(np.float32) for name in tensors}
    shared = {family: {name: rng.normal(size=SHAPE) for name in tensors} for family in FAMILIES}
    folder.mkdir(parents=True, exist_ok=True)
    save_folder(folder / "base", base)
    refs = {}
    for name in task_names(count):
        own = rng.normal(size=(len(tensors), *SHAPE))
        change = {n: shared[name[:-3]][n] + own[k] for k, n in enumerate(tensors)}
        save_folder(folder / name, {n: (base[n] + 0.01 * change[n]).astype(np.float32) for n in tensors})
        refs[name] = folder / name
    store = Store.init(folder / "store", folder / "base")
    store.add(refs)
    return store


def make_whole_store(folder: Path, count: int = 8) -> Store:
    """The same with two bases and a decomposition."""
    store = make_store(folder, count)
    compress(store, "half", num_atoms=count // 2)
    compress(store, "some", num_atoms=2, tasks=task_names(count)[:4])
    decompose(store, tasks=task_names(count)[:4], rank=3)
    return store


def rename_behind_its_back(store: Store, task: str, name: str) -> None:
    """Let a document say another name than its file, as no command would."""
    path = store.path / "vectors" / f"{task}.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {"name": name}), encoding="utf-8")
