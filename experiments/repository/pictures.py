"""The demo's pictures as small grey ones, split once; every task of the repository is cut out of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo.packages import package_version
from demo.splits import Sizes, split
from demo.tasks import TASKS, Task
from numpy.typing import NDArray

from experiments.cached import Kept
from experiments.repository.network import SIDE

REVISION = 1  # raise it when the meaning of this code changes
PARTS = ("train", "test")


@dataclass(frozen=True)
class Labelled:
    """N pictures with labels.

    Attributes:
        images: Grey, from −1 (black) to 1, float32 `(N, 28, 28)`.
        labels: int64, `(N,)`.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Labelled:
        """The pictures at `rows`, in that order."""
        return Labelled(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        name: The demo's name of its task.
        num_classes: How many labels there are.
        train: To learn from.
        test: To be judged by; no group of pictures (font family, icon) is in both.
        name_in_cache: Changes with anything that decides the pictures.
    """

    name: str
    num_classes: int
    train: Labelled
    test: Labelled
    name_in_cache: str


def load(kept: Kept, sizes: Sizes) -> Mapping[str, Source]:
    """All sources of the demo.

    Args:
        kept: Where the small pictures are.
        sizes: How many of each part; validation pictures are not used.
    """
    return {task.name: _source(task, kept, sizes) for task in TASKS}


def _source(task: Task, kept: Kept, sizes: Sizes) -> Source:
    versions = {package: package_version(package) for package in task.packages()}

    def build(folder: Path) -> None:
        parts = split(task.load(), sizes, seed=0)
        arrays = {f"{part}.images": small_grey(getattr(parts, part).images) for part in PARTS}
        arrays |= {f"{part}.labels": getattr(parts, part).labels for part in PARTS}
        np.savez(folder / "pictures.npz", num_classes=len(parts.train.classes), **arrays)

    folder = kept.folder(f"grey-{task.name}", build, of=versions, sizes=sizes, side=SIDE, revision=REVISION)
    with np.load(folder / "pictures.npz", allow_pickle=False) as arrays:
        train, test = (Labelled(_spread(arrays[f"{part}.images"]), arrays[f"{part}.labels"]) for part in PARTS)
        return Source(task.name, int(arrays["num_classes"]), train, test, folder.name)


def small_grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 `(N, 56, 56, 3)` → means over colours and 2 × 2 pixels, uint8 `(N, 28, 28)`."""
    count = len(images)
    blocks = images.reshape(count, SIDE, images.shape[1] // SIDE, SIDE, images.shape[2] // SIDE, 3)
    return blocks.mean(axis=(2, 4, 5)).round().astype(np.uint8)


def _spread(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    return grey.astype(np.float32) / np.float32(127.5) - np.float32(1)
