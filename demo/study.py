"""One task made ready: its split, its head on frozen features, and the accuracy of a head on raw pixels."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import Dinov2Model

from demo import heads
from demo.cache import Cache, key
from demo.encoding import encode
from demo.heads import Head
from demo.packages import package_version
from demo.pictures import Pictures
from demo.settings import Settings
from demo.splits import Split, split
from demo.tasks import Task

REVISION = 1  # raise it when the meaning of this code, or of demo/sources, changes
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Study:
    """What later steps need of one task.

    Attributes:
        task: The task.
        split: Its pictures.
        head: The linear head on the base model's features.
        name: The cache's name of the head; it changes with anything that decides head or pictures.
        pixel_accuracy: Test accuracy of a linear classifier on raw pixels.
        base_accuracy: Test accuracy of `head` on the base model's features.
    """

    task: Task
    split: Split
    head: Head
    name: str
    pixel_accuracy: float
    base_accuracy: float


def prepare(task: Task, base: Dinov2Model, base_name: str, settings: Settings, cache: Cache) -> Study:
    """The study of `task`, from the cache where it can be."""
    versions = {package: package_version(package) for package in task.packages()}
    pictures = cache.folder(
        f"pictures-{task.name}-{key(of=versions, sizes=settings.sizes, seed=settings.seed, revision=REVISION)}",
        lambda folder: _write_split(split(task.load(), settings.sizes, settings.seed), folder),
    )
    parts = _read_split(pictures)
    name = f"head-{task.name}-{key(base=base_name, pictures=pictures.name, how=heads.STRENGTHS, revision=REVISION)}"
    folder = cache.folder(name, lambda folder: _write_head(parts, base, folder))
    found = json.loads((folder / "accuracy.json").read_text(encoding="utf-8"))
    with np.load(folder / "head.npz", allow_pickle=False) as arrays:
        head = Head(arrays["weight"], arrays["bias"])
    return Study(task, parts, head, name, found["pixels"], found["base"])


def _write_split(parts: Split, folder: Path) -> None:
    arrays: dict[str, Any] = {}
    for part in PARTS:
        pictures: Pictures = getattr(parts, part)
        arrays |= {f"{part}.{field}": getattr(pictures, field) for field in ("images", "labels", "groups")}
    np.savez(folder / "pictures.npz", classes=np.array(parts.train.classes), **arrays)


def _read_split(folder: Path) -> Split:
    with np.load(folder / "pictures.npz", allow_pickle=False) as arrays:
        classes = tuple(arrays["classes"].tolist())
        return Split(
            *(
                Pictures(arrays[f"{part}.images"], arrays[f"{part}.labels"], arrays[f"{part}.groups"], classes)
                for part in PARTS
            )
        )


def _write_head(parts: Split, base: Dinov2Model, folder: Path) -> None:
    train, val, test = ((encode(base, part.images), part.labels) for part in (parts.train, parts.val, parts.test))
    head = heads.fit(train, val)
    np.savez(folder / "head.npz", weight=head.weight, bias=head.bias)
    found = {"pixels": _pixel_accuracy(parts), "base": head.accuracy(*test)}
    (folder / "accuracy.json").write_text(json.dumps(found), encoding="utf-8")


def _pixel_accuracy(parts: Split) -> float:
    train, val, test = ((heads.pixels(part.images), part.labels) for part in (parts.train, parts.val, parts.test))
    return heads.fit(train, val).accuracy(*test)
