from __future__ import annotations

import numpy as np
import pytest

from planted import orthonormal
from taskvec.linalg.subspaces.edge import (
    MARGIN,
    above,
    chain_threshold,
    mean_edge,
    mean_threshold,
    meet_by_necessity,
    product_edge,
)
from taskvec.linalg.subspaces.subspaces import METHODS

DIMENSION = 320
CASES = [(2, 0.1), (3, 0.2), (4, 0.15), (8, 0.17), (8, 0.05)]


@pytest.mark.parametrize(("num_tasks", "density"), CASES)
@pytest.mark.parametrize("name", ["mean", "palindrome"])
def test_random_subspaces_reach_the_edge_and_not_the_threshold(name: str, num_tasks: int, density: float) -> None:
    rng = np.random.default_rng(num_tasks)
    method, rank = METHODS[name], round(density * DIMENSION)
    edge = method.edge(rank / DIMENSION, num_tasks)
    bases = [orthonormal(rng, DIMENSION, rank) for _ in range(num_tasks)]
    found = method.find(bases, above(edge))
    assert found.count == 0
    assert edge - 0.05 < found.largest < edge + MARGIN


@pytest.mark.parametrize(("num_tasks", "density"), [*CASES, (3, 0.5), (4, 0.5), (6, 0.3), (8, 0.5), (12, 0.5)])
def test_the_chain_ends_near_the_palindromes_edge(num_tasks: int, density: float) -> None:
    rng = np.random.default_rng(num_tasks)
    rank = round(density * DIMENSION)
    bases = [orthonormal(rng, DIMENSION, rank) for _ in range(num_tasks)]
    edge = product_edge(rank / DIMENSION, num_tasks)
    found = METHODS["chain"].find(bases, above(edge))
    assert found.count == 0
    assert edge - 0.03 < found.largest < edge + 0.02


def test_known_values() -> None:
    assert mean_edge(64 / 384, 8) == pytest.approx(0.50, abs=0.005)
    assert mean_edge(64 / 1536, 8) == pytest.approx(0.29, abs=0.005)
    assert product_edge(0.1, 2) == pytest.approx(4 * 0.1 * 0.9)


@pytest.mark.parametrize("num_tasks", [2, 3, 8])
def test_the_edge_is_one_where_subspaces_begin_to_meet_by_necessity(num_tasks: int) -> None:
    limit = 1 - 1 / num_tasks
    assert mean_edge(limit, num_tasks) == pytest.approx(1.0)
    assert product_edge(limit, num_tasks) == pytest.approx(1.0)
    assert meet_by_necessity(limit, num_tasks)
    assert not meet_by_necessity(limit - 0.01, num_tasks)


def test_the_threshold_stays_below_one_as_long_as_the_edge_does() -> None:
    assert above(0.5) == pytest.approx(0.52)
    assert 0.99 < above(0.99) < 1.0


@pytest.mark.parametrize("density", [0.05, 0.2, 0.4])
def test_for_two_tasks_both_edges_are_one_angle(density: float) -> None:
    assert mean_threshold(product_edge(density, 2)) == pytest.approx(mean_edge(density, 2))


def test_thresholds_of_chain_and_mean_are_each_others_inverse() -> None:
    assert mean_threshold(0.85) == pytest.approx(0.961, abs=5e-4)
    assert chain_threshold(mean_threshold(0.85)) == pytest.approx(0.85)
