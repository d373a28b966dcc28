"""λ is the candidate with the best validation score, the smallest of equals, and the grid grows at its edges."""

import pytest
from demo.scaling import STEPS, WIDEST, candidate, choose

GRID = [candidate(step) for step in STEPS]


def test_the_best_candidate_is_chosen() -> None:
    found = choose(lambda scaling: -abs(scaling - GRID[3]))
    assert found.scaling == GRID[3]
    assert [float(text) for text in found.curve] == GRID


def test_the_grid_is_stated() -> None:
    assert [f"{scaling:g}" for scaling in GRID] == ["0.111", "0.167", "0.25", "0.375", "0.562"]


@pytest.mark.parametrize("wanted", [0.05, 1.27])
def test_the_grid_grows_while_its_best_is_its_edge(wanted: float) -> None:
    found = choose(lambda scaling: -abs(scaling - wanted))
    assert found.scaling == pytest.approx(wanted, rel=0.02)
    assert len(found.curve) > len(GRID)


def test_the_smaller_of_two_equals_is_chosen_and_growth_ends() -> None:
    assert choose(lambda _: 0.7).scaling == candidate(-WIDEST)
