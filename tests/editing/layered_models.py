"""Tiny models that lie in layers, and the folder in which they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from taskvec import merge

Arrays = dict[str, NDArray[Any]]
NUM_LAYERS = 4


def layered_arrays(rng: np.random.Generator, scale: float) -> Arrays:
    shapes = {"model.embed_tokens.weight": (12, 8), "model.norm.weight": (8,), "lm_head.weight": (12, 8)}
    for layer in range(NUM_LAYERS):
        shapes[f"model.layers.{layer}.self_attn.q_proj.weight"] = (8, 8)
        shapes[f"model.layers.{layer}.mlp.up_proj.weight"] = (8, 8)
    return {name: (scale * rng.normal(size=shape)).astype(np.float32) for name, shape in sorted(shapes.items())}


@dataclass(frozen=True)
class Workplace:
    """Models, and what is merged of them."""

    folder: Path
    models: dict[str, Arrays]

    def write(self, text: str, name: str = "recipe.yaml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def merged(self, text: str, out: str = "out", **how: Any) -> Arrays:
        """Carry a recipe out and return what was written, as float64."""
        merge(self.write(text), self.folder / out, **how)
        return self.load(out)

    def load(self, out: str) -> Arrays:
        files = sorted((self.folder / out).glob("*.safetensors"))
        return {name: array.astype(np.float64) for file in files for name, array in load_file(file).items()}

    def delta(self, name: str, tensor: str) -> NDArray[np.float64]:
        return self.models[name][tensor].astype(np.float64) - self.models["base"][tensor]

    def expect(self, found: Arrays, delta: Callable[[str], NDArray[np.float64] | float]) -> None:
        """Hold every tensor against the base plus a delta."""
        base = self.models["base"]
        assert found.keys() == base.keys()
        for name, values in found.items():
            np.testing.assert_allclose(values, base[name] + delta(name), rtol=0, atol=1e-6, err_msg=name)


def layer_of(name: str) -> int | None:
    parts = name.split(".")
    return next((int(part) for part in parts if part.isdigit()), None)
