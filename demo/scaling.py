"""Choose λ on validation pictures, moving the weights in memory: no checkpoint is written on the way."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import Dinov2Model

GRID = tuple(round(0.125 * 2 ** (step / 2), 3) for step in range(7))  # 0.125 … 1, each √2 times the last


@dataclass(frozen=True)
class Search:
    """The chosen λ, and the mean validation accuracy of every candidate."""

    scaling: float
    curve: dict[str, float]


def choose(grid: Iterable[float], score: Callable[[float], float]) -> Search:
    """The λ with the best score; the smaller one on a tie."""
    curve = {scaling: score(scaling) for scaling in grid}
    best = min(curve, key=lambda scaling: (-curve[scaling], scaling))
    return Search(best, {f"{scaling:g}": value for scaling, value in curve.items()})


class Shifted:
    """A model whose weights can be set to base + λ · vector, again and again."""

    def __init__(self, base: Dinov2Model, vector: Path) -> None:
        self.model = base
        self._base = {name: weight.detach().clone() for name, weight in base.named_parameters()}
        self._vector = {
            name: delta for file in sorted(vector.glob("*.safetensors")) for name, delta in load_file(file).items()
        }

    def at(self, scaling: float) -> Dinov2Model:
        """The model at base + `scaling` · vector."""
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                delta = self._vector.get(name)
                weight.copy_(self._base[name] if delta is None else self._base[name] + scaling * delta.float())
        return self.model
