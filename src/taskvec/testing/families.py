"""Small model families: a base and fine-tunes of it, of mixed dtypes and of the shapes that trip tensor code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from taskvec.testing.checkpoints import Array, save_folder

LAYOUT: Mapping[str, Array] = {
    "embed.weight": np.empty((7, 5), np.float32),
    "layer.weight": np.empty((6, 4), ml_dtypes.bfloat16),
    "layer.bias": np.empty(9, np.float16),
    "scale": np.empty((), np.float32),
    "empty": np.empty((0, 3), ml_dtypes.bfloat16),
    "position_ids": np.arange(6, dtype=np.int64).reshape(1, 6),
}
"""Every kind of tensor that a pass meets; integer tensors keep their values, others are filled anew."""

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Family:
    """A base model and fine-tunes of it, in memory.

    Attributes:
        base: The base's tensors.
        finetuned: Name → tensors of the fine-tuned model.
    """

    base: Arrays
    finetuned: Mapping[str, Arrays]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fine-tuned models."""
        return tuple(self.finetuned)

    def save(self, folder: Path, *, shard_size: int | None = None) -> SavedFamily:
        """Write every model to a folder of its own, as model hubs lay it out.

        Args:
            folder: Where to write.
            shard_size: Bytes of data per file, or ``None`` for one file.

        Returns:
            Where everything is.
        """
        base = save_folder(folder / "base", self.base, shard_size=shard_size, config={"model_type": "tiny"})
        refs = {
            name: save_folder(folder / name, arrays, shard_size=shard_size) for name, arrays in self.finetuned.items()
        }
        return SavedFamily(base, refs)


@dataclass(frozen=True)
class SavedFamily:
    """A family on disk.

    Attributes:
        base: The base's folder.
        finetuned: Name → folder of the fine-tuned model.
    """

    base: Path
    finetuned: Mapping[str, Path]


def make_family(
    names: Sequence[str], *, seed: int = 0, layout: Arrays = LAYOUT, step: float = 0.1, shared: float = 0.5
) -> Family:
    """Make a family from a key: values near 1, deltas of about ``step`` with a part that all tasks share.

    Args:
        names: The T fine-tuned models.
        seed: The key; equal keys give equal families.
        layout: Name → array of the wanted dtype and shape; values count for dtypes that are not floating alone.
        step: Standard deviation of a delta.
        shared: Fraction of the deltas' variance that all tasks have in common.

    Returns:
        The family.
    """
    rng = np.random.default_rng(seed)
    finetuned: dict[str, dict[str, Array]] = {name: {} for name in names}
    base: dict[str, Array] = {}
    for tensor, like in layout.items():
        is_integer = np.issubdtype(like.dtype, np.integer) or like.dtype == np.bool_
        values = rng.standard_normal(like.shape)
        common = rng.standard_normal(like.shape)
        base[tensor] = like if is_integer else np.asarray(values, like.dtype)
        for arrays in finetuned.values():
            own = rng.standard_normal(like.shape)
            delta = step * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
            arrays[tensor] = like if is_integer else np.asarray(values + delta, like.dtype)
    return Family(base, finetuned)
