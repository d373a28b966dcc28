"""How much is done: all of it, or the subset of `FAST=1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.styles import painter
from experiments.styles.mixing import MIXES
from taskvec.training import Recipe


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        base: How the base learns the neutral style.
        style: How a fine-tune learns another.
        channels: Of the denoiser.
        num_steps: Denoising steps of a picture.
        noise_seeds: Of test pictures.
        mixes: Which styles are mixed.
        shown: Names in a grid of samples.
    """

    base: Recipe
    style: Recipe
    channels: tuple[int, ...]
    num_steps: int
    noise_seeds: Sequence[int]
    mixes: Sequence[tuple[str, ...]]
    shown: int


FULL = Scale(
    base=painter.BASE,
    style=painter.STYLE,
    channels=painter.CHANNELS,
    num_steps=15,
    noise_seeds=(0, 1, 2),
    mixes=MIXES,
    shown=12,
)
FAST = replace(FULL, style=replace(FULL.style, steps=120), mixes=MIXES[:1])
"""One mix of two styles, of shorter fine-tunes."""
