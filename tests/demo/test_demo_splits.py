"""No group lies in two parts, no picture appears twice, and the same seed deals the same hand."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from demo.pictures import Pictures
from demo.splits import Sizes, split

PARTS = ("train", "val", "test")


def pictures(families=20, letters=6):
    count = families * letters
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    names = np.repeat([f"family {number}" for number in range(families)], letters)
    return Pictures(images, np.tile(np.arange(letters), families), names, tuple("abcdef"))


@pytest.mark.parametrize("seed", range(5))
def test_font_families_are_disjoint(seed) -> None:
    parts = split(pictures(), Sizes(1000, 1000, 1000), seed)
    train, val, test = (set(getattr(parts, part).groups) for part in PARTS)
    assert train
    assert val
    assert test
    assert len(train) + len(val) + len(test) == len(train | val | test) == 20


def test_sizes_are_kept() -> None:
    parts = split(pictures(), Sizes(30, 5, 7), seed=0)
    assert [len(getattr(parts, part)) for part in PARTS] == [30, 5, 7]


def test_repeated_pictures_are_dropped() -> None:
    once = pictures()
    twice = Pictures(
        *(np.concatenate([getattr(once, field)] * 2) for field in ("images", "labels", "groups")), once.classes
    )
    parts = split(twice, Sizes(1000, 1000, 1000), seed=0)
    assert sum(len(getattr(parts, part)) for part in PARTS) == len(once)


def test_the_seed_decides() -> None:
    def dealt(seed):
        return split(pictures(), Sizes(1000, 1000, 1000), seed).test.groups.tolist()

    assert dealt(0) == dealt(0)
    assert dealt(0) != dealt(1)
