"""λ by a score: grids that widen, golden section."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.linalg.search import golden_section, grid_search


@pytest.mark.parametrize("peak", [0.3, 3.0, 0.004])
def test_a_grid_finds_a_peak_inside_and_beyond_its_ends(peak: float) -> None:
    choice = grid_search(lambda x: -abs(np.log(x / peak)))
    assert abs(np.log(choice.scaling / peak)) <= np.log(50) / 16 + 1e-9
    assert [x for x, _ in choice.tried] == sorted(x for x, _ in choice.tried)
    assert choice.score == max(score for _, score in choice.tried)


def test_a_grid_that_never_peaks_ends() -> None:
    choice = grid_search(lambda x: x, num_points=4, most_points=7)
    assert len(choice.tried) == 7
    assert choice.scaling == pytest.approx(0.02 * 50 ** (6 / 3))


def test_of_equal_scores_the_smaller_is_taken() -> None:
    assert grid_search(lambda x: min(x, 0.1)).scaling < 0.2


def test_golden_section_narrows_to_a_peak_of_either_sign() -> None:
    calls: list[float] = []

    def score(x: float) -> float:
        calls.append(x)
        return -((x + 0.37) ** 2)

    choice = golden_section(score, low=-1, high=1)
    assert choice.scaling == pytest.approx(-0.37, abs=0.02)
    assert len(calls) == len(choice.tried) <= 12


def test_scores_that_are_all_alike_lead_nowhere() -> None:
    choice = grid_search(lambda _: 0.5)
    assert len(choice.tried) == 9
    assert choice.scaling == pytest.approx(0.02)


def test_a_dip_within_the_tolerance_does_not_end_the_search() -> None:
    scores = {0: 0.84, 1: 0.859, 2: 0.852, 3: 0.87, 4: 0.88, 5: 0.85, 6: 0.99}
    search = {"low": 1.0, "high": 4.0, "num_points": 3}

    def score(x: float) -> float:
        return scores[round(np.log2(x))]

    assert grid_search(score, **search).scaling == pytest.approx(2.0)
    choice = grid_search(score, tolerance=0.02, **search)
    assert choice.scaling == pytest.approx(16.0)
    assert [round(x) for x, _ in choice.tried] == [1, 2, 4, 8, 16, 32]
