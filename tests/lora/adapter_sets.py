"""Adapters of random factors for three matrices, and what they are in float64."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from taskvec.testing.checkpoints import Array, save_safetensors

Arrays = dict[str, Array]
SHAPES = {"layers.0.q": (12, 8), "layers.1.q": (12, 8), "layers.1.up": (20, 12)}


def factors(seed: int, rank: int = 3, modules: tuple[str, ...] = tuple(SHAPES)) -> dict[str, tuple[Array, Array]]:
    """Module → B, A."""
    rng = np.random.default_rng(seed)
    sizes = {module: SHAPES[module] for module in modules}
    return {
        m: (rng.standard_normal((rows, rank), np.float32), rng.standard_normal((rank, columns), np.float32))
        for m, (rows, columns) in sizes.items()
    }


def save_peft(folder: Path, pairs: dict[str, tuple[Array, Array]], **config: object) -> Path:
    arrays: Arrays = {}
    for module, (up, down) in pairs.items():
        arrays[f"base_model.model.{module}.lora_A.weight"] = down
        arrays[f"base_model.model.{module}.lora_B.weight"] = up
    folder.mkdir()
    save_safetensors(folder / "adapter_model.safetensors", arrays)
    rank = next(iter(pairs.values()))[0].shape[1]
    written = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, **config}
    (folder / "adapter_config.json").write_text(json.dumps(written))
    return folder


def dense(pairs: dict[str, tuple[Array, Array]], scale: float = 2.0) -> dict[str, Array]:
    """The truth in float64; tensors that are not there are zero."""
    return {f"{m}.weight": scale * up.astype(np.float64) @ down.astype(np.float64) for m, (up, down) in pairs.items()}


def inner(a: dict[str, Array], b: dict[str, Array]) -> float:
    return float(sum((a[name] * b[name]).sum() for name in a.keys() & b.keys()))


SETS = {
    "a": factors(1),
    "b": factors(2, rank=5),
    "c": factors(3, rank=2, modules=("layers.1.q",)),
    "d": factors(4, rank=1, modules=("layers.0.q",)),
}
