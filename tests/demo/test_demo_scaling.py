"""λ is the candidate with the best validation score, the smallest of equals, and the grid grows at its edges."""

import pytest
from demo.scaling import choose

GRID = [0.111, 0.167, 0.25, 0.375, 0.562]


def test_the_best_candidate_is_chosen() -> None:
    found = choose(lambda scaling: -abs(scaling - GRID[3]))
    assert found.scaling == GRID[3]
    assert [float(text) for text in found.curve] == GRID


@pytest.mark.parametrize("wanted", [0.05, 1.27])
def test_the_grid_grows_while_its_best_is_its_edge(wanted: float) -> None:
    found = choose(lambda scaling: -abs(scaling - wanted))
    assert found.scaling == pytest.approx(wanted, rel=0.02)
    assert len(found.curve) > len(GRID)


def test_every_candidate_can_be_said_exactly() -> None:
    asked: list[float] = []
    choose(lambda scaling: asked.append(scaling) or scaling)
    assert [f"{scaling:g}" for scaling in asked] == [repr(scaling) for scaling in asked]


def test_the_smaller_of_two_equals_is_chosen_and_growth_ends() -> None:
    assert choose(lambda _: 0.7).scaling == GRID[0]
    assert len(choose(lambda scaling: scaling).curve) == 11
