"""Random elements from any byte on: those of numpy's generator, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.numerics import random
from taskvec.numerics.random import RandomElements

KEY = 12345


def wanted(count: int) -> np.ndarray:
    """(ones among the 64 bits of word i − 32) / 4, word after word."""
    words = np.random.Philox(key=KEY).random_raw(count).tolist()
    return np.array([(word.bit_count() - 32) / 4 for word in words], np.float32)


def read(start: int, count: int) -> np.ndarray:
    out = np.full(count, 99, np.float32)
    RandomElements(KEY).read_into(4 * start, memoryview(out.view(np.uint8)))
    return out


@pytest.mark.parametrize("start", [0, 1, 4, 6, 31, 32, 37, 64])
@pytest.mark.parametrize("count", [0, 1, 5, 32, 77])
def test_any_elements_are_those_of_the_whole(start: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "_TILE", 32)
    np.testing.assert_array_equal(read(start, count), wanted(start + count)[start:])


def test_long_reads_are_cut_without_a_seam() -> None:
    whole = wanted(70_000)
    np.testing.assert_array_equal(read(3, 69_997), whole[3:])
    assert abs(whole.mean()) < 0.02
    assert abs(whole.std() - 1) < 0.02
    assert RandomElements(KEY + 1) != RandomElements(KEY)
