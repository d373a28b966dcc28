"""Shared components: orthogonal projections of each matrix, on one side or both."""

from __future__ import annotations

import numpy as np
import pytest

from planted import distance, plant
from taskvec.linalg.subspaces.attribution import shares_of
from taskvec.linalg.subspaces.controls import random_directions, sum_directions
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.remaining import remaining
from taskvec.linalg.subspaces.sides import Projection, Side
from taskvec.linalg.subspaces.singular import singular_factors
from taskvec.linalg.subspaces.subspaces import SubspaceRule

RULE = RankRule(rank=7)


def _project(matrices: list[np.ndarray], side: Side) -> Projection:
    factors = [singular_factors(matrix, RULE) for matrix in matrices]
    rule = SubspaceRule("mean", 0.6)
    shared = {
        space: rule.share([space.basis(one) for one in factors], space.dimension(matrices[0].shape))
        for space in side.spaces
    }
    return Projection(side, shared)


def _noisy() -> list[np.ndarray]:
    rows = plant(3, (50, 40), noise=0.3).matrices
    columns = plant(3, (40, 50), noise=0.3, seed=1).matrices
    return [one + other.T for one, other in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("side", Side)
def test_shared_and_unique_are_orthogonal_and_add_up(side: Side) -> None:
    matrices = _noisy()
    projection = _project(matrices, side)
    assert projection.rank > 0
    for matrix in matrices:
        shared = projection.product(matrix).astype(np.float64)
        unique = matrix - shared
        square = np.square(matrix).sum()
        assert 0.05 * square < np.square(shared).sum() < square
        assert abs((shared * unique).sum()) < 1e-6 * square
        assert np.square(projection.own(matrix), dtype=np.float64).sum() == pytest.approx(
            np.square(shared).sum(), rel=1e-5
        )


def test_both_sides_are_projected_on() -> None:
    matrices = _noisy()
    projection = _project(matrices, Side.BOTH)
    left, right = (projection.shared[space].directions.vectors for space in (Side.LEFT, Side.RIGHT))
    expected = left @ (left.T @ matrices[0] @ right) @ right.T
    np.testing.assert_allclose(projection.product(matrices[0]), expected, atol=1e-5)
    assert projection.rank == min(left.shape[1], right.shape[1])


@pytest.mark.parametrize("side", Side)
def test_equal_inputs_leave_nothing_unique(side: Side) -> None:
    matrix = plant(1, (50, 40)).matrices[0]
    shared = _project([matrix] * 3, side).product(matrix)
    np.testing.assert_allclose(shared, matrix, atol=1e-6 * np.linalg.norm(matrix))


def test_the_right_side_is_the_left_side_of_the_transposes() -> None:
    matrices = _noisy()
    right = _project(matrices, Side.RIGHT).product(matrices[0])
    left = _project([np.ascontiguousarray(m.T) for m in matrices], Side.LEFT).product(
        np.ascontiguousarray(matrices[0].T)
    )
    np.testing.assert_allclose(right, left.T, atol=1e-5)


def test_a_vector_is_a_matrix_of_one_column() -> None:
    vector = np.arange(1, 7, dtype=np.float32)[:, None]
    np.testing.assert_allclose(_project([vector, 2 * vector], Side.LEFT).product(vector), vector, rtol=1e-6)


def test_random_directions_come_from_the_key() -> None:
    one, two, other = (random_directions(30, 4, key) for key in ("k", "k", "l"))
    assert one.tobytes() == two.tobytes()
    assert distance(one, other) > 0.5
    np.testing.assert_allclose(one.T @ one, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("space", [Side.LEFT, Side.RIGHT])
def test_the_directions_of_a_sum_are_its_leading_ones(space: Side) -> None:
    total = np.sum(_noisy(), axis=0)
    left, _, right = np.linalg.svd(total.astype(np.float64), full_matrices=False)
    dense = left[:, :3] if space is Side.LEFT else right[:3].T
    assert distance(sum_directions(total, 3, space), dense) < 1e-5
    assert sum_directions(total, 0, space).shape == (dense.shape[0], 0)


def test_a_delta_is_attributed_to_the_task_that_it_is_like() -> None:
    planted = plant(3, (120, 40), shared=3, own=5, noise=0.1)
    bases = {name: singular_factors(m, RankRule(rank=8)).left for name, m in zip("abc", planted.matrices, strict=True)}
    shared = SubspaceRule().share(list(bases.values()), 120).directions.vectors
    again = planted.matrices[1] + 0.02 * np.random.default_rng(5).standard_normal((120, 40), dtype=np.float32)
    shares = shares_of(again, bases, shared)
    assert max(shares.unique, key=lambda name: shares.unique[name]) == "b"
    assert shares.shared + shares.unique["b"] > 0.85 * shares.energy
    assert shares.unique["a"] < 5 * shares.chance["a"]
    own = remaining(bases["b"], shared)
    assert shares.unique["b"] == pytest.approx(np.square(own.T @ again).sum(), rel=1e-5)
    assert shares.chance["b"] == pytest.approx(shares.energy * 5 / 120)
