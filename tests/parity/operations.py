"""The table of operations whose results must have the same bits however they are run; a new one is a row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

from taskvec import RunOptions, Store, TaskVector, compress, decompose, edit
from taskvec.numerics.kernels import TILE
from taskvec.streaming.units import BLOCK
from taskvec.testing.families import Family, SavedFamily, make_family
from taskvec.types import DType
from taskvec.vectors.edited import Edited
from taskvec.vectors.output import OutputOptions
from taskvec.vectors.task_vector import gram_matrix

Bytes = Mapping[str, bytes]

NAMES = ("a", "b", "c", "d", "e")

WAYS: Mapping[str, RunOptions] = {
    "one tile at a time": RunOptions(memory=4 << 30, workers=1, executor="serial", max_chunk=TILE),
    "one tile at a time, three threads": RunOptions(memory=4 << 30, workers=3, max_chunk=TILE),
    "chunks that fit nothing": RunOptions(memory=4 << 30, workers=2, max_chunk=7 * TILE),
    "chunks larger than a block": RunOptions(memory=4 << 30, workers=2, max_chunk=4 * BLOCK),
    "more threads than units": RunOptions(memory=4 << 30, workers=16),
    "serial": RunOptions(memory=4 << 30, workers=4, executor="serial"),
    "another process": RunOptions(memory=4 << 30, workers=1, executor="processes", max_chunk=16 * TILE),
}
"""How the same is run; a new executor is a row."""

REFERENCE = RunOptions(memory=4 << 30, workers=1, executor="serial")


def long_family() -> Family:
    """Tensors that are cut in the middle, at their tiles and not at all."""
    return make_family(
        NAMES,
        seed=11,
        layout={
            "long": np.empty((BLOCK // 512 + 8, 515), ml_dtypes.bfloat16),
            "tiles": np.empty(5 * TILE, np.float32),
            "bias": np.empty(TILE + 1, np.float16),
            "scale": np.empty((), np.float32),
            "empty": np.empty((0, 3), np.float16),
            "ids": np.arange(TILE * 2 + 5),
        },
    )


def _files(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob(pattern))
        if path.is_file()
    }


def _store(saved: SavedFamily, folder: Path, options: RunOptions) -> Store:
    store = Store.init(folder / "store", saved.base, options)
    store.add({name: saved.finetuned[name] for name in NAMES[:3]})
    store.add({name: saved.finetuned[name] for name in NAMES[3:]})
    return store


def gram(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    vectors = [TaskVector(saved.base, ref) for ref in saved.finetuned.values()]
    return {"gram": gram_matrix(vectors, options).tobytes()}


def add(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    store = _store(saved, folder, options)
    documents = [store.documents.vector(name) for name in store]
    known = {document.name: repr(sorted(document.source.digests.items())).encode() for document in documents}
    known |= {f"{document.name}: norm": np.float64(document.norm).tobytes() for document in documents}
    per_tensor = store.gram().per_tensor.tobytes()
    return {**known, **_files(store.path / "gram", "*.safetensors"), "per tensor": per_tensor}


def edit_model(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    vectors = [TaskVector(saved.base, ref) for ref in saved.finetuned.values()]
    total = 0.3 * vectors[0] - 0.7 * vectors[1] + vectors[4]
    total.apply_to().save(folder / "out", OutputOptions(shard_size=1 << 20), options)
    return _files(folder / "out")


def edit_to_f32(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    TaskVector(saved.base, saved.finetuned["b"]).apply_to(scaling=1 / 3).save(
        folder / "out", OutputOptions(dtype=DType.F32), options
    )
    return _files(folder / "out")


def save_task_vector(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    Edited(TaskVector(saved.base, saved.finetuned["c"]), None).save(folder / "out", None, options)
    return _files(folder / "out")


def compress_and_edit(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    store = _store(saved, folder, options)
    basis = compress(store, "three", num_atoms=3)
    edit(store, "base + 0.5*a - 0.25*e", folder / "out", basis="three")
    numbers = {"decoder": basis.decoder.tobytes(), "residual": basis.certificate.residual.tobytes()}
    return {**_files(store.path / "objects"), **_files(folder / "out"), **numbers}


def decompose_and_edit(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    store = _store(saved, folder, options)
    found = decompose(store, rank=3, side="both", threshold=0.4)
    edit(store, "base + 0.5*shared_once(a, b, c) - 0.25*e.unique", folder / "out")
    numbers = {
        "parts": store.gram(["a", "a.shared", "b.unique"]).per_tensor.tobytes(),
        "bytes": repr(found.to_json()).encode(),
    }
    return {**_files(store.path / "objects"), **_files(folder / "out"), **numbers}


def merge_by_ties(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    store = _store(saved, folder, options)
    edit(store, "base + 0.5*ties(a, b, c - d, density=0.3)", folder / "out")
    return _files(folder / "out")


def merge_whole_tensors(saved: SavedFamily, folder: Path, options: RunOptions) -> Bytes:
    """Of tensors small enough; one merge reads another."""
    small = make_family(
        "abc", seed=2, layout={"w": np.empty((40, 30), np.float32), "v": np.empty((30, 50), np.float32)}
    )
    models = small.save(folder / "small")
    store = Store.init(folder / "store", models.base, options)
    store.add(models.finetuned)
    edit(store, "base + 0.5*iso_c(a, ties(b, c, density=0.4)) + 0.25*linear(tsv(a, b), c)", folder / "out")
    return _files(folder / "out")


OPERATIONS: Mapping[str, Callable[[SavedFamily, Path, RunOptions], Bytes]] = {
    "inner products": gram,
    "add to a store": add,
    "edit into shards": edit_model,
    "edit into float32": edit_to_f32,
    "save a task vector": save_task_vector,
    "compress and edit from atoms": compress_and_edit,
    "decompose and edit from parts": decompose_and_edit,
    "merge by ties": merge_by_ties,
    "merge whole tensors": merge_whole_tensors,
}
