"""Fine-tune the whole backbone under a head that does not move."""

import math
from collections.abc import Callable, Iterator

import torch
from torch.nn import functional
from transformers import Dinov2Model

from demo.encoding import features, tensors
from demo.heads import Head
from demo.pictures import Pictures
from demo.settings import FineTuning
from taskvec.training import Recipe, fine_tune

Batch = tuple[torch.Tensor, torch.Tensor]
Wrap = Callable[[Iterator[Batch]], Iterator[Batch]]


def finetune(
    model: Dinov2Model, head: Head, train: Pictures, how: FineTuning, seed: int, wrap: Wrap | None = None
) -> None:
    """Minimise the head's cross-entropy on slightly moved training pictures, changing `model` in place.

    The head already fits the training pictures as they are; moved a little, they still have something to teach.

    Args:
        model: The backbone; all of its weights learn.
        head: Read, never changed.
        train: The pictures to learn from.
        how: Steps, batch size, learning rate and movements.
        seed: Decides batches and movements.
        wrap: Looks at the batches as they go by, such as a progress bar.
    """
    weight, bias = torch.from_numpy(head.weight), torch.from_numpy(head.bias)

    def loss(backbone: torch.nn.Module, batch: Batch) -> torch.Tensor:
        images, labels = batch
        return functional.cross_entropy(functional.linear(features(backbone, images), weight, bias), labels)

    given = batches(train, how, seed)
    recipe = Recipe(steps=how.steps, learning_rate=how.learning_rate, warmup=how.warmup)
    fine_tune(model, wrap(given) if wrap else given, loss, recipe)


def batches(train: Pictures, how: FineTuning, seed: int) -> Iterator[Batch]:
    """Moved pictures and their labels, without end; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    images, labels = tensors(train.images), torch.from_numpy(train.labels)
    for rows in endless_rows(len(labels), how.batch, generator):
        yield moved(images[rows], how, generator), labels[rows]


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
