"""Move the weights of a model along a task vector in memory: no checkpoint is written for a λ that is only tried."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import Dinov2Model


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
