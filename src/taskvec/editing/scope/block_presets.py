"""Weights by block: named curves over the blocks of a diffusion model, as merges of Stable Diffusion models use them.

The names and values are those that users of "merge block weighted" know (bbc-mc/sdweb-merge-block-weighted-gui and
hako-mikan/sd-webui-supermerger, ``mbwpresets.txt``): 25 numbers for the 25 blocks of Stable Diffusion 1 and 2, and one
for every other tensor. Ours: a model of another number of blocks takes them by depth, interpolated. Left out are the
Hermite curves and those that are random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from taskvec.editing.scope.blocks import ModelBlocks
from taskvec.errors import CompositionError

BLOCKS = 25
"""Blocks of the UNet of Stable Diffusion 1 and 2, for which the presets were made."""

_EXACT = 1e-9  # a depth is an index divided by a number of blocks: multiplied again, it is that index but for rounding


@dataclass(frozen=True)
class BlockWeights:
    """A coefficient for every tensor of a diffusion model.

    Attributes:
        points: From the first block to the last, at least one; interpolated where the model has another number.
        others: For every tensor outside the blocks' model: text encoders, autoencoder.
    """

    points: tuple[float, ...]
    others: float = 0.0

    def at(self, name: str, blocks: ModelBlocks) -> float:
        """Return the coefficient of one tensor.

        Args:
            name: The tensor.
            blocks: The model's.

        Returns:
            The coefficient.
        """
        depth = blocks.depth(name)
        if depth is None:
            return self.others
        place = depth * (len(self.points) - 1)
        first = math.floor(place + _EXACT)
        rest = place - first
        if rest <= _EXACT:
            return self.points[first]
        return (1 - rest) * self.points[first] + rest * self.points[first + 1]


def block_weights(weights: str | Sequence[float], others: float | None = None) -> BlockWeights:
    """Return what a preset, or a list of numbers, means.

    Args:
        weights: A name in ``PRESETS``; or numbers from the first block to the last.
        others: For tensors outside the blocks; the preset's own, 0 beside a list, if not given.

    Returns:
        The weights.

    Raises:
        CompositionError: If there is no preset of that name.
    """
    found = PRESETS.get(weights) if isinstance(weights, str) else BlockWeights(tuple(weights))
    if found is None:
        close = get_close_matches(str(weights).upper(), PRESETS, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(PRESETS)}, or a list of numbers"
        raise CompositionError(f"unknown preset of weights by block {weights!r}: {meant}")
    return found if others is None else BlockWeights(found.points, others)


def _curve(height: Callable[[float], float]) -> BlockWeights:
    """Sample a function of the depth, 0 … 1, at every block."""
    return BlockWeights(tuple(height(block / (BLOCKS - 1)) for block in range(BLOCKS)))


def _runs(*runs: tuple[int, float]) -> BlockWeights:
    """Repeat every weight as often as is said beside it."""
    return BlockWeights(tuple(weight for count, weight in runs for _ in range(count)))


def _wrap(count: int) -> BlockWeights:
    """The outermost blocks, half of them at each end."""
    return _runs((count // 2, 1.0), (BLOCKS - count, 0.0), (count // 2, 1.0))


def _rings(outer: int, first: int, width: int, gap: int) -> BlockWeights:
    """Two rings of blocks at each side of the middle."""
    return _runs((first, 0.0), (width, 1.0), (gap, 0.0), (width, 1.0), (outer, 0.0))


def _smooth(x: float) -> float:
    return x * x * (3 - 2 * x)


def _folded(x: float) -> float:
    """0 … 1 … 0 … 1 and on: a triangle wave."""
    return 1 - abs(x % 2 - 1)


def _reversed(weights: BlockWeights) -> BlockWeights:
    return BlockWeights(tuple(1 - point for point in weights.points))


def _steep(times: int) -> BlockWeights:
    """A smooth step so many times as high, folded back."""
    return _curve(lambda x: _folded(times * _smooth(x)))


def _often(times: int) -> BlockWeights:
    """So many smooth steps, up and down."""
    return _curve(lambda x: _smooth(_folded(times * x)))


_SMOOTH: Mapping[str, BlockWeights] = {
    **{f"SMOOTHSTEP*{times}": _steep(times) for times in (2, 3, 4)},
    **{f"SMOOTHSTEP/{times}": _often(times) for times in (2, 3, 4)},
}

PRESETS: Mapping[str, BlockWeights] = {
    "GRAD_V": _curve(lambda x: abs(1 - 2 * x)),
    "GRAD_A": _curve(lambda x: 1 - abs(1 - 2 * x)),
    "FLAT_25": _curve(lambda _: 0.25),
    "FLAT_75": _curve(lambda _: 0.75),
    **{f"WRAP{count:02d}": _wrap(count) for count in (8, 12, 14, 16)},
    "MID12_50": _runs((5, 0.0), (14, 0.5), (6, 0.0)),
    "OUT07": _runs((18, 0.0), (7, 1.0)),
    "OUT12": _runs((13, 0.0), (12, 1.0)),
    "OUT12_5": _runs((12, 0.0), (1, 0.5), (12, 1.0)),
    "RING08_SOFT": _runs((5, 0.0), (1, 0.5), (3, 1.0), (1, 0.5), (5, 0.0), (1, 0.5), (3, 1.0), (1, 0.5), (5, 0.0)),
    "RING08_5": _rings(6, 6, 4, 5),
    "RING10_5": _rings(5, 5, 5, 5),
    "RING10_3": _rings(6, 6, 5, 3),
    "SMOOTHSTEP": _curve(_smooth),
    "REVERSE-SMOOTHSTEP": _reversed(_curve(_smooth)),
    **_SMOOTH,
    **{f"R_{name}": _reversed(weights) for name, weights in _SMOOTH.items()},
    "COSINE": _curve(lambda x: (1 + math.cos(math.pi * x)) / 2),
    "REVERSE_COSINE": _curve(lambda x: (1 - math.cos(math.pi * x)) / 2),
    "ALL_A": _curve(lambda _: 0.0),
    "ALL_B": BlockWeights((1.0,) * BLOCKS, others=1.0),
}
"""Name → weights; 0 takes nothing of the task vector in a block, 1 all of it."""
