"""The denoiser: a small UNet of diffusers that is told which icon to draw, on 2 × 2 pixels at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DModel
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module, functional

from experiments.cached import Kept
from experiments.styles.icons import SIDE
from taskvec.evaluation.sampling import Sampling
from taskvec.training import Recipe, fine_tune

PATCH = 2
COLOURS = 3 * PATCH * PATCH
SHAPE = (COLOURS, SIDE // PATCH, SIDE // PATCH)
CHANNELS = (48, 96)
NUM_TIMES = 1000
MODEL = "diffusion_pytorch_model.safetensors"
FROZEN = ("class_embedding.*",)
"""What does not learn in a fine-tune: the embedding of names, so that unseen names stay what they are."""

BASE = Recipe(steps=2000, learning_rate=2e-3, warmup=0.05, clip=1.0)
STYLE = Recipe(steps=200, learning_rate=1e-3, warmup=0.05, clip=1.0)
BATCH = 32
REVISION = 1  # raise it when the meaning of this code changes
_SHIFT = 1  # pixels, either way


def fresh(num_names: int, channels: Sequence[int] = CHANNELS) -> UNet2DModel:
    """A denoiser before any training; the global random state stays as it was."""
    levels = len(channels) - 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNet2DModel(
            sample_size=SHAPE[-1],
            in_channels=COLOURS,
            out_channels=COLOURS,
            block_out_channels=tuple(channels),
            layers_per_block=1,
            norm_num_groups=8,
            attention_head_dim=16,
            num_class_embeds=num_names,
            down_block_types=(*["DownBlock2D"] * levels, "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", *["UpBlock2D"] * levels),
        )


def read(folder: Path) -> UNet2DModel:
    """The denoiser of a folder."""
    model: UNet2DModel = UNet2DModel.from_pretrained(folder)
    return model.eval()


def scheduler() -> Any:
    """The noise: cosine schedule, velocity prediction, deterministic steps."""
    return DDIMScheduler(
        num_train_timesteps=NUM_TIMES,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=True,
    )


def sampling(seed: int, num_steps: int = 20) -> Sampling:
    """How icons are drawn."""
    return Sampling(scheduler(), SHAPE, num_steps=num_steps, seed=seed)


def as_tensor(images: NDArray[np.uint8]) -> Tensor:
    """uint8 `(N, 24, 24, 3)` → what is denoised, `(N, 12, 12, 12)` in −1…1."""
    return functional.pixel_unshuffle(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1, PATCH)


def as_images(samples: Tensor) -> NDArray[np.uint8]:
    """The way back: uint8 `(N, 24, 24, 3)`."""
    pixels = functional.pixel_shuffle(samples, PATCH).clamp(-1, 1).permute(0, 2, 3, 1)
    found: NDArray[np.uint8] = ((pixels + 1) * 127.5).round().to(torch.uint8).numpy()
    return found


def trained(
    name: str,
    images: NDArray[np.uint8],
    names: Sequence[int],
    start: Callable[[], UNet2DModel],
    kept: Kept,
    how: Recipe,
    *,
    seed: int,
    frozen: Sequence[str] = (),
    **deciding: object,
) -> Path:
    """A denoiser that learned some icons; a run that was killed goes on where it last wrote.

    Args:
        name: What the folder is called.
        images: uint8 `(N, 24, 24, 3)`.
        names: Which name each draws, `(N,)`.
        start: Makes the denoiser to begin with.
        kept: Where it is.
        how: How it learns.
        seed: Of batches, shifts and noise.
        frozen: Patterns of weights that do not learn.
        **deciding: Whatever else decides the weights.
    """
    unfinished = kept.root / f"{name}-{how.steps}-{seed}.unfinished.safetensors"

    def build(folder: Path) -> None:
        model = start()
        kept.root.mkdir(parents=True, exist_ok=True)
        batches = _batches(as_tensor(images), torch.tensor(names), seed)
        loss = partial(_loss, noise=scheduler())
        fine_tune(model, batches, loss, how, checkpoint=unfinished, checkpoint_every=100, frozen=frozen)
        model.save_pretrained(folder)
        unfinished.unlink(missing_ok=True)

    return kept.folder(name, build, how=how, seed=seed, frozen=frozen, revision=REVISION, **deciding)


Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def _loss(model: Module, batch: Batch, noise: Any) -> Tensor:
    """How far the predicted velocity is from the true one, on average."""
    icons, names, times, added = batch
    noisy = noise.add_noise(icons, added, times)
    wanted = noise.get_velocity(icons, added, times)
    return functional.mse_loss(model(noisy, times, class_labels=names).sample, wanted)


def _batches(icons: Tensor, names: Tensor, seed: int) -> Iterator[Batch]:
    """Draw icons, each batch moved by a pixel or not, with names, times and noise."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(icons), (BATCH,), generator=generator)
        move = torch.randint(-_SHIFT, _SHIFT + 1, (2,), generator=generator).tolist()
        times = torch.randint(NUM_TIMES, (BATCH,), generator=generator)
        moved = functional.pixel_unshuffle(_moved(functional.pixel_shuffle(icons[rows], PATCH), *move), PATCH)
        yield moved, names[rows], times, torch.randn(moved.shape, generator=generator)


def _moved(pictures: Tensor, down: int, right: int) -> Tensor:
    """Pictures `(N, 3, H, W)` moved by a pixel; what comes in is white."""
    padded = functional.pad(pictures, (_SHIFT,) * 4, value=1.0)
    side = pictures.shape[-1]
    return padded[..., _SHIFT - down : _SHIFT - down + side, _SHIFT - right : _SHIFT - right + side]
