"""Checkpoints that lie nowhere are read like any other."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.checkpoints import random_checkpoint, zeros_like
from taskvec.types import DType, TensorInfo

SIZE = 100_003
INFO = TensorInfo("w", DType.BF16, (SIZE,))
FIRST = [-1.0, 0.25, -1.25, -0.25, 0.5, -0.25, 0.25, -1.5]


def piece(start: int, stop: int) -> np.ndarray:
    out = np.empty(stop - start, np.float32)
    random_checkpoint([INFO], seed=3, index=1).read_into("w", start, out)
    return out


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (1, 2), (3, 9), (32_765, 65_540), (99_999, SIZE)])
def test_any_piece_is_the_same_as_in_the_whole(start: int, stop: int) -> None:
    np.testing.assert_array_equal(piece(start, stop), piece(0, SIZE)[start:stop])


def test_elements_are_standardised_and_nearly_normal() -> None:
    values = piece(0, SIZE).astype(np.float64)
    assert abs(values.mean()) < 0.02
    assert values.var() == pytest.approx(1.0, abs=0.02)
    assert (values**4).mean() == pytest.approx(3.0, abs=0.1)
    assert abs((values[1:] * values[:-1]).mean()) < 0.02


def test_the_bits_are_those_of_every_machine() -> None:
    assert piece(0, 8).tolist() == FIRST


def test_seed_index_and_name_are_keys() -> None:
    whole = piece(0, 1000)
    others = [
        random_checkpoint([INFO], seed=4, index=1).read("w"),
        random_checkpoint([INFO], seed=3, index=2).read("w"),
        random_checkpoint([TensorInfo("v", DType.F32, (SIZE,))], seed=3, index=1).read("v"),
    ]
    for other in others:
        assert abs(np.corrcoef(whole, other[:1000])[0, 1]) < 0.15


def test_zeros_are_zeros_of_the_dtype() -> None:
    checkpoint = zeros_like([INFO, TensorInfo("s", DType.F32, ())])
    assert not checkpoint.read("w").any()
    assert checkpoint.read("w").dtype == np.uint16
    assert checkpoint.read("s") == 0
