"""The base, once, and a fine-tune of it for every task: each a safetensors file that is made in seconds and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from experiments.cached import Kept
from experiments.repository import heads
from experiments.repository.network import NUM_FEATURES, Network, fresh
from experiments.repository.pictures import Labelled, Source
from experiments.repository.tasks import RepositoryTask
from taskvec.training import Recipe, fine_tune

BASE = Recipe(steps=300, learning_rate=3e-3, clip=1.0)
TASK = Recipe(steps=50, learning_rate=1e-3, clip=1.0)
BASE_BATCH, TASK_BATCH = 128, 64
MODEL, HEAD = "model.safetensors", "head.safetensors"
REVISION = 1  # raise it when the meaning of this code changes
MOST_TESTED = 200
"""Test pictures of one task; there are many tasks."""

_SHIFT = 1  # pixels, either way

Head = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Learned:
    """A task, learned.

    Attributes:
        task: The task.
        folder: Its fine-tune and its head.
        test: Its test pictures.
    """

    task: RepositoryTask
    folder: Path
    test: Labelled

    @property
    def model(self) -> Path:
        """The fine-tuned network."""
        return self.folder / MODEL

    @property
    def head(self) -> Head:
        """Weight and bias of the head, which never moved."""
        found = load_file(self.folder / HEAD)
        return found["weight"], found["bias"]


def read(folder: Path) -> Network:
    """The network of a folder."""
    network = fresh(0)
    network.load_state_dict(load_file(folder / MODEL))
    return network.eval()


def base(sources: Mapping[str, Source], kept: Kept, how: Recipe = BASE) -> Path:
    """The base: one network that learned to tell all classes of all sources apart, a little.

    Args:
        sources: The pictures.
        kept: Where it is.
        how: How it learns.
    """

    def build(folder: Path) -> None:
        found = _together(sources)
        network, classes = fresh(0), int(found.labels.max()) + 1
        model = nn.Sequential(network, _fresh_head(classes))
        fine_tune(model, _batches(found, BASE_BATCH, 0), _loss, how)
        save_file(network.state_dict(), folder / MODEL)

    pictures = [source.name_in_cache for source in sources.values()]
    return kept.folder("base", build, pictures=pictures, how=how, revision=REVISION, torch=torch.__version__)


def learned(task: RepositoryTask, source: Source, start: Path, seed: int, kept: Kept, how: Recipe = TASK) -> Learned:
    """A task's fine-tune: the base under a head that is fitted to the base's features first.

    Args:
        task: The task.
        source: Its pictures.
        start: The base.
        seed: Decides halves, noise and batches.
        kept: Where it is.
        how: How it learns.
    """

    def build(folder: Path) -> None:
        train, network = task.pictures(source, "train", seed), read(start)
        weight, bias = heads.fit(network, train)
        loss = partial(_loss_under, weight=weight, bias=bias)
        fine_tune(network, _batches(train, TASK_BATCH, seed), loss, how)
        save_file(network.state_dict(), folder / MODEL)
        save_file({"weight": weight, "bias": bias}, folder / HEAD)

    folder = kept.folder(
        f"finetuned-{task.source}-{task.kind.name}", build,
        base=start.name, pictures=source.name_in_cache, seed=seed, how=how, revision=REVISION,
    )  # fmt: skip
    test = task.pictures(source, "test", seed)
    return Learned(task, folder, test.take(np.arange(min(len(test), MOST_TESTED))))


def fast(how: Recipe) -> Recipe:
    """A recipe of a few steps."""
    return replace(how, steps=max(1, how.steps // 5))


def _together(sources: Mapping[str, Source]) -> Labelled:
    offsets = np.cumsum([0, *(source.num_classes for source in sources.values())])
    parts = [(source.train, offset) for source, offset in zip(sources.values(), offsets, strict=False)]
    return Labelled(
        np.concatenate([part.images for part, _ in parts]),
        np.concatenate([part.labels + offset for part, offset in parts]),
    )


def _fresh_head(classes: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(NUM_FEATURES, classes)


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    images, labels = batch
    return functional.cross_entropy(model(images), labels)


def _loss_under(model: nn.Module, batch: tuple[Tensor, Tensor], weight: Tensor, bias: Tensor) -> Tensor:
    images, labels = batch
    return functional.cross_entropy(functional.linear(model(images), weight, bias), labels)


def _batches(pictures: Labelled, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw batches without end, each shifted by a pixel or not."""
    generator = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(pictures.images)[:, None], torch.from_numpy(pictures.labels)
    while True:
        rows = torch.randint(len(labels), (size,), generator=generator)
        down, right = torch.randint(-_SHIFT, _SHIFT + 1, (2,), generator=generator).tolist()
        yield images[rows].roll((down, right), dims=(2, 3)), labels[rows]
