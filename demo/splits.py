"""Cut pictures into train, validation and test so that no group lies in two of them."""

from dataclasses import dataclass

import numpy as np

from demo.pictures import Pictures, without_duplicates


@dataclass(frozen=True)
class Sizes:
    """The largest number of pictures in each part."""

    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Split:
    """Heads and backbones learn on `train`, λ is chosen on `val`, and `test` is looked at once."""

    train: Pictures
    val: Pictures
    test: Pictures


SHARES = (0.60, 0.15, 0.25)  # of the groups, for train, val and test


def split(pictures: Pictures, sizes: Sizes, seed: int) -> Split:
    """Drop exact duplicates, deal whole groups to the three parts, then cap each part at its size."""
    unique = without_duplicates(pictures)
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.unique(unique.groups))
    first, second = (np.cumsum(SHARES[:2]) * len(groups)).round().astype(int)
    dealt = groups[:first], groups[first:second], groups[second:]
    caps = sizes.train, sizes.val, sizes.test
    train, val, test = (_part(unique, members, cap, rng) for members, cap in zip(dealt, caps, strict=True))
    return Split(train, val, test)


def _part(pictures: Pictures, members: np.ndarray, cap: int, rng: np.random.Generator) -> Pictures:
    rows = np.flatnonzero(np.isin(pictures.groups, members))
    return pictures.take(rng.permutation(rows)[:cap])
