"""Models to measure with: a base and its fine-tunes in any layout, made once from a seed and kept in a cache.

Every weight is N(0, 0.02²) in bfloat16. A fine-tune differs from its base by a hundredth of that; half of the energy of
the change is shared by all fine-tunes, so that every entry of their Gram matrix is positive, and half is its own.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from benchmarks.cache import publish
from benchmarks.layouts import Layout, Shape

BASE_SCALE = 0.02
DELTA_SCALE = 0.01 * BASE_SCALE
PIECE = 1 << 22  # weights made at once
SEED = 1


@dataclass(frozen=True, slots=True)
class Family:
    """A base and its fine-tunes on the disk.

    Attributes:
        layout: The tensors of each.
        base: The folder of the base.
        finetuned: The folders of the fine-tunes by name.
    """

    layout: Layout
    base: Path
    finetuned: Mapping[str, Path]

    def first(self, count: int) -> Family:
        """The same base with fewer fine-tunes."""
        return Family(self.layout, self.base, dict(list(self.finetuned.items())[:count]))

    @property
    def folders(self) -> list[Path]:
        """Every model, the base first."""
        return [self.base, *self.finetuned.values()]

    @property
    def files(self) -> list[Path]:
        """Every file of weights, the base's first."""
        return [file for folder in self.folders for file in weights_of(folder)]

    @property
    def named_refs(self) -> list[str]:
        """``NAME=REF`` for every fine-tune, as the command line takes them."""
        return [f"{name}={folder}" for name, folder in self.finetuned.items()]

    def sum_expression(self, scaling: float) -> str:
        """The base plus the scaled sum of all task vectors."""
        return f"base + {scaling}*({' + '.join(self.finetuned)})"

    def ties_expression(self, scaling: float, density: float) -> str:
        """The base plus the scaled TIES merge of all task vectors."""
        return f"base + {scaling}*ties({', '.join(self.finetuned)}, density={density})"


def weights_of(folder: Path) -> list[Path]:
    """The files of weights in a model's folder."""
    return sorted(folder.glob("*.safetensors"))


def make_family(cache: Path, layout: Layout, num_finetuned: int) -> Family:
    """Return a family, made when the cache does not hold it."""
    names = [f"task{number}" for number in range(num_finetuned)]
    folder = publish(cache / f"{layout.name}-{num_finetuned}", lambda draft: _write_family(draft, layout, names))
    return Family(layout, folder / "base", {name: folder / name for name in names})


def _write_family(folder: Path, layout: Layout, names: Sequence[str]) -> None:
    folders = [folder / name for name in ("base", *names)]
    for model in folders:
        model.mkdir()
        (model / "config.json").write_text(json.dumps(layout.config, indent=1), encoding="utf-8")
    weights = _Weights(len(names))
    shards = _shards(layout)
    for shard, shapes in shards.items():
        with ExitStack() as stack:
            files = [stack.enter_context((model / shard).open("wb")) for model in folders]
            _write_shard(files, shapes, weights)
    if len(shards) > 1:
        for model in folders:
            _write_index(model, layout, shards)


def _shards(layout: Layout) -> dict[str, dict[str, Shape]]:
    count = layout.num_shards
    if count == 1:
        return {"model.safetensors": dict(layout.shapes)}
    names = [f"model-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    shards: dict[str, dict[str, Shape]] = {name: {} for name in names}
    for number, (tensor, shape) in enumerate(layout.shapes.items()):
        shards[names[number * count // len(layout.shapes)]][tensor] = shape
    return shards


def _write_index(model: Path, layout: Layout, shards: Mapping[str, Mapping[str, Shape]]) -> None:
    weight_map = {tensor: shard for shard, shapes in shards.items() for tensor in shapes}
    index = {"metadata": {"total_size": layout.num_bytes}, "weight_map": weight_map}
    (model / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _write_shard(files: Sequence[BinaryIO], shapes: Mapping[str, Shape], weights: _Weights) -> None:
    header, num_params = _header(shapes)
    for file in files:
        file.write(header)
    for start in range(0, num_params, PIECE):
        for file, piece in zip(files, weights.next(min(PIECE, num_params - start)), strict=True):
            file.write(piece.tobytes())
    for file in files:
        file.flush()
        os.fsync(file.fileno())  # pages that wait for the disk cannot be dropped from the cache


def _header(shapes: Mapping[str, Shape]) -> tuple[bytes, int]:
    """A safetensors header whose data are the tensors one after another, and how many weights that is."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    params = 0
    for tensor, shape in shapes.items():
        end = params + math.prod(shape)
        entries[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [2 * params, 2 * end]}
        params = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, params


class _Weights:
    """Streams of weights, one a model, each from its own seed."""

    def __init__(self, num_finetuned: int) -> None:
        self._base, self._shared, *self._own = (np.random.default_rng([SEED, n]) for n in range(num_finetuned + 2))

    def next(self, count: int) -> Iterator[NDArray[ml_dtypes.bfloat16]]:
        """The next weights of the base and of every fine-tune."""
        base = _normal(self._base, count, BASE_SCALE)
        shared = base + _normal(self._shared, count, DELTA_SCALE * math.sqrt(0.5))
        yield base.astype(ml_dtypes.bfloat16)
        for own in self._own:
            yield (shared + _normal(own, count, DELTA_SCALE * math.sqrt(0.5))).astype(ml_dtypes.bfloat16)


def _normal(random: np.random.Generator, count: int, scale: float) -> NDArray[np.float32]:
    values = random.standard_normal(count, dtype=np.float32)
    values *= np.float32(scale)
    return values
