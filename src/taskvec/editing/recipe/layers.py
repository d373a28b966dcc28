"""Which tensors belong to which layer, told from their names alone: the first number in a name is its layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from taskvec.checkpoints.quoting import listed
from taskvec.editing.scope.blocks import ModelBlocks
from taskvec.errors import RecipeError

_LAYER = re.compile(r"(?P<prefix>^|.*?\.)(?P<layer>\d+)(?=\.)")
_BEFORE = re.compile(
    r"embed(?!_out)|embd|\bw[tp]e\b|patch|\bconv\d|position|relative_pe|\bshared\.|(ln|layernorm|layrnorm)_pre\b|\bpre_layrnorm\b|class_token"
)


@dataclass(frozen=True, slots=True)
class LayerName:
    """A name that lies in a layer: ``model.layers.`` 7 ``.mlp.weight``.

    Attributes:
        prefix: What comes before the number.
        layer: The number.
        rest: What comes after it.
    """

    prefix: str
    layer: int
    rest: str

    def __str__(self) -> str:
        return f"{self.prefix}{self.layer}{self.rest}"


def layer_of(name: str) -> LayerName | None:
    """Take a name apart at its first number that is a part of its own; None where it has none."""
    match = _LAYER.match(name)
    return LayerName(match["prefix"], int(match["layer"]), name[match.end() :]) if match else None


@dataclass(frozen=True)
class LayerNames:
    """The tensors of a model as they lie in layers.

    Attributes:
        names: Every tensor.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> LayerNames:
        """Look at the names of a model."""
        return cls(tuple(names))

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of layers under each prefix."""
        counts: dict[str, int] = {}
        for found in filter(None, map(layer_of, self.names)):
            counts[found.prefix] = max(counts.get(found.prefix, 0), found.layer + 1)
        return counts

    @cached_property
    def prefix(self) -> str:
        """The one prefix of all layers.

        Raises:
            RecipeError: If there are no layers, or layers of several kinds.
        """
        if len(self.counts) != 1:
            found = listed(self.counts) if self.counts else "none"
            raise RecipeError(f"ranges of layers need a model with one sequence of layers, found {found}")
        return next(iter(self.counts))

    @cached_property
    def blocks(self) -> ModelBlocks:
        """The same tensors as they lie in the blocks of a diffusion model."""
        return ModelBlocks.of(self.names)

    def nearest_layer(self, name: str) -> int:
        """Return the layer of a tensor; that of the first layer if it comes before them, of the last if after."""
        found = layer_of(name)
        if found is not None:
            return found.layer
        return 0 if is_before_layers(name) else max(self.counts.get(self.prefix, 1) - 1, 0)

    def depth(self, name: str, layers: tuple[int, int] | None = None) -> float:
        """Return how deep a tensor lies, from 0 to 1, in a range of layers or in all of its prefix.

        Outside the layers it is 0; in a range of one layer it is 1.
        """
        found = layer_of(name)
        if found is None:
            return 0.0
        first, stop = layers or (0, self.counts[found.prefix])
        return (found.layer - first) / (stop - first - 1) if stop - first > 1 else 1.0


def is_before_layers(name: str) -> bool:
    """Say whether a tensor outside the layers feeds them (embeddings) or is fed by them (last norm, head)."""
    return _BEFORE.search(name) is not None
