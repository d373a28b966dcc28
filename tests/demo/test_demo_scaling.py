"""λ is the candidate with the best validation score, and the smallest of equals."""

from itertools import pairwise

import pytest

pytest.importorskip("torch")

from demo.scaling import GRID, choose


def test_the_best_candidate_is_chosen() -> None:
    found = choose([0.25, 0.5, 1.0], lambda scaling: 1 - abs(scaling - 0.6))
    assert found.scaling == pytest.approx(0.5)
    assert list(found.curve) == ["0.25", "0.5", "1"]


def test_the_smaller_of_two_equals_is_chosen() -> None:
    assert choose([0.25, 0.5, 1.0], lambda _: 0.7).scaling == pytest.approx(0.25)


def test_the_grid_is_geometric() -> None:
    assert (GRID[0], GRID[-1]) == pytest.approx((0.125, 1.0))
    assert all(upper / lower == pytest.approx(2**0.5, rel=0.01) for lower, upper in pairwise(GRID))
