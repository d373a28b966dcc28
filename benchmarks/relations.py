"""Task vectors that are alike in known ways, saved as models of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

SHAPE = (200, 250)
NUM_TASKS = 8
Vectors = NDArray[np.float64]


def independent(rng: np.random.Generator) -> Vectors:
    """Nothing in common."""
    return _scaled(rng.standard_normal((SHAPE[0] * SHAPE[1], NUM_TASKS)))


def shared_direction(rng: np.random.Generator) -> Vectors:
    """One direction that all share; cosines are 0.5."""
    size = SHAPE[0] * SHAPE[1]
    return _scaled(rng.standard_normal((size, NUM_TASKS)) + rng.standard_normal((size, 1)))


def clustered(rng: np.random.Generator) -> Vectors:
    """Four pairs; cosines are 0.8 within a pair and 0.05 across."""
    size = SHAPE[0] * SHAPE[1]
    pairs = np.repeat(rng.standard_normal((size, 4)), 2, axis=1)
    own, common = rng.standard_normal((size, NUM_TASKS)), rng.standard_normal((size, 1))
    return _scaled(np.sqrt(0.75) * pairs + np.sqrt(0.2) * own + np.sqrt(0.05) * common)


def hierarchical(rng: np.random.Generator) -> Vectors:
    """Two families of two pairs each; cosines are 0.8, 0.5 and 0.2."""
    size = SHAPE[0] * SHAPE[1]
    parts = [(0.2, 1), (0.3, 2), (0.3, 4), (0.2, 8)]
    drawn = [np.sqrt(s) * np.repeat(rng.standard_normal((size, n)), NUM_TASKS // n, axis=1) for s, n in parts]
    return _scaled(np.sum(drawn, axis=0))


FAMILIES: Mapping[str, Callable[[np.random.Generator], Vectors]] = {
    "independent": independent,
    "shared direction": shared_direction,
    "clustered": clustered,
    "hierarchical": hierarchical,
}


def _scaled(vectors: Vectors) -> Vectors:
    norms = np.random.default_rng(1).permutation(np.linspace(0.5, 1.5, NUM_TASKS))
    scaled: Vectors = vectors / np.sqrt(len(vectors)) * norms
    return scaled


def saved(folder: Path, vectors: Vectors) -> tuple[Path, dict[str, Path]]:
    """Write a base and one fine-tune a column; return their folders."""
    base = np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32) * 0.02
    refs = {}
    for name, change in [("base", np.zeros(len(vectors))), *((f"task{t}", v) for t, v in enumerate(vectors.T))]:
        refs[name] = folder / name
        refs[name].mkdir(parents=True)
        save_file({"weight": base + change.reshape(SHAPE).astype(np.float32)}, refs[name] / "model.safetensors")
    return refs.pop("base"), refs
