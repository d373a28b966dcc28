"""A convolutional network so small that it learns a task in seconds: 28 × 28 grey pictures to 96 features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64)
SIDE = 28
_SMALLEST = 4  # pixels a side after three halvings
NUM_FEATURES = 96
_GROUPS = 4  # of normalisation: each picture by itself, so that no statistics of other tasks are kept


class Residual(nn.Module):
    """x + convolution(activation(convolution(x))), normalised before each convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(_GROUPS, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_norm = nn.GroupNorm(_GROUPS, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` → the same shape."""
        hidden = self.first(functional.silu(self.first_norm(x)))
        found: Tensor = x + self.second(functional.silu(self.second_norm(hidden)))
        return found


class Network(nn.Module):
    """Three sizes of picture, a residual block at each; `(N, 1, 28, 28)` → `(N, 96)`."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *CHANNELS)
        self.shrink = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in zip(inputs, CHANNELS, strict=False)
        )
        self.blocks = nn.ModuleList(Residual(channels) for channels in CHANNELS)
        self.norm = nn.GroupNorm(_GROUPS, CHANNELS[-1])
        self.gather = nn.Linear(CHANNELS[-1] * _SMALLEST**2, NUM_FEATURES)

    def forward(self, pictures: Tensor) -> Tensor:
        """Grey pictures → features."""
        x = pictures
        for shrink, block in zip(self.shrink, self.blocks, strict=True):
            x = block(shrink(x))
        gathered: Tensor = self.gather(functional.silu(self.norm(x)).flatten(1))
        return functional.silu(gathered)


def fresh(seed: int) -> Network:
    """A network before any training; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network()
