"""Fine-tune the whole backbone under a head that does not move."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch.nn import functional
from transformers import Dinov2Model

from demo.encoding import features, tensors
from demo.heads import Head
from demo.pictures import Pictures
from demo.settings import FineTuning


def finetune(
    model: Dinov2Model, head: Head, train: Pictures, how: FineTuning, seed: int, steps: Iterable[int] | None = None
) -> None:
    """Minimise the head's cross-entropy on slightly moved training pictures, changing `model` in place.

    The head already fits the training pictures as they are; moved a little, they still have something to teach.
    Weights are not decayed, so a weight without a gradient keeps its base value and its delta is exactly zero.

    Args:
        model: The backbone; all of its weights learn.
        head: Read, never changed.
        train: The pictures to learn from.
        how: Steps, batch size, learning rate and movements.
        seed: Decides batches and movements.
        steps: The step numbers, for a progress bar to wrap.
    """
    weight, bias = torch.from_numpy(head.weight), torch.from_numpy(head.bias)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, how))
    images, labels = tensors(train.images), torch.from_numpy(train.labels)
    model.train()
    for _, rows in zip(steps or range(how.steps), endless_rows(len(labels), how.batch, generator), strict=False):
        logits = functional.linear(features(model, moved(images[rows], how, generator)), weight, bias)
        functional.cross_entropy(logits, labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.eval()


def rate(step: int, how: FineTuning) -> float:
    """The share of the learning rate at `step`: a straight way up, then half a cosine down."""
    rise = max(1.0, how.warmup * how.steps)
    return min(1.0, (step + 1) / rise) * (1 + math.cos(math.pi * step / how.steps)) / 2


def endless_rows(count: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Batches of row numbers, every row once before any comes again."""
    waiting = torch.empty(0, dtype=torch.long)
    while True:
        while len(waiting) < batch:
            waiting = torch.cat([waiting, torch.randperm(count, generator=generator)])
        yield waiting[:batch]
        waiting = waiting[batch:]


def moved(images: torch.Tensor, how: FineTuning, generator: torch.Generator) -> torch.Tensor:
    """Each of `(N, 3, H, W)` turned, stretched and shifted by its own small random amounts."""

    def uniform(reach: float) -> torch.Tensor:
        return (2 * torch.rand(len(images), generator=generator) - 1) * reach

    angle, scale = uniform(math.radians(how.turn)), 1 + uniform(how.stretch)
    right, down = uniform(2 * how.shift), uniform(2 * how.shift)  # a picture spans −1 … 1
    rows = [[scale * angle.cos(), -scale * angle.sin(), right], [scale * angle.sin(), scale * angle.cos(), down]]
    matrices = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
