"""Methods that minimise something: nothing near their result is better, and known answers are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvec.methods import awd, geometric_median
from taskvec.methods.ways.awd import disentangled

Dense = np.ndarray


def overlap(taus: Dense, delta: Dense, alpha: float) -> float:
    """The paper's loss, on the vectors themselves."""
    left = taus - delta
    units = left / np.linalg.norm(left, axis=1, keepdims=True)
    cosines = np.abs(units @ units.T)[~np.eye(len(taus), dtype=bool)]
    return float(cosines.mean() + alpha * np.linalg.norm(delta))


@given(st.integers(0, 2**32 - 1))
def test_disentangling_lowers_the_papers_loss_and_no_small_change_lowers_it_much_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    taus = rng.standard_normal((4, 30)) + 0.7 * rng.standard_normal(30)
    taken = disentangled(taus @ taus.T, 0.01, 300) @ taus
    found = overlap(taus, taken, 0.01)
    assert found <= overlap(taus, np.zeros(30), 0.01) + 1e-12
    near = [overlap(taus, taken + 1e-3 * rng.standard_normal(30), 0.01) for _ in range(20)]
    assert found <= min(near) + 5e-3
    np.testing.assert_allclose(awd(taus, alpha=0.01), (taus - taken).sum(axis=0), atol=1e-10)


def test_what_is_orthogonal_is_left_alone() -> None:
    np.testing.assert_allclose(awd(np.eye(3)), np.ones(3))


@pytest.mark.parametrize("norm", [1e-3, 0.2, 1.0])
def test_short_vectors_keep_their_signs(norm: float) -> None:
    rng = np.random.default_rng(0)
    taus = rng.standard_normal((8, 500)) + 0.25 * rng.standard_normal(500)
    taus *= norm / np.linalg.norm(taus, axis=1, keepdims=True)
    kept = 1 - 8 * disentangled(taus @ taus.T, 0.1, 300)
    assert kept.min() > 0.5
    far = 1 - 8 * (np.full(8, 2 / 8) @ taus) @ np.linalg.pinv(taus)
    assert overlap(taus, (1 - kept) / 8 @ taus, 0.1) < overlap(taus, (1 - far) / 8 @ taus, 0.1)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 0.1, 30.0]))
def test_what_is_taken_away_scales_with_the_vectors(seed: int, factor: float) -> None:
    taus = np.random.default_rng(seed).standard_normal((4, 30)) + 0.5
    gram = taus @ taus.T
    scaled = disentangled(factor**2 * gram, 0.1 / factor, 40)
    np.testing.assert_allclose(scaled, disentangled(gram, 0.1, 40), atol=0.02)


def test_a_common_part_is_taken_away() -> None:
    rng = np.random.default_rng(0)
    own, common = rng.standard_normal((5, 400)), 2 * rng.standard_normal(400)
    taken = disentangled((own + common) @ (own + common).T, 1e-4, 300) @ (own + common)
    cosine = taken @ common / np.linalg.norm(taken) / np.linalg.norm(common)
    assert cosine > 0.95
    left = own + common - taken
    cosines = np.corrcoef(left)[np.triu_indices(5, 1)]
    assert np.abs(cosines).mean() < 0.1


@given(st.integers(0, 2**32 - 1))
def test_no_point_has_a_smaller_sum_of_distances_than_the_geometric_median(seed: int) -> None:
    rng = np.random.default_rng(seed)
    taus, weights = rng.standard_normal((5, 6)), rng.uniform(0.1, 1, 5)

    def distances(point: Dense) -> float:
        return float(weights @ np.linalg.norm(taus - point, axis=1))

    found = geometric_median(taus, weight=weights.tolist())
    assert all(distances(found) <= distances(found + 1e-2 * rng.standard_normal(6)) + 1e-7 for _ in range(20))


@pytest.mark.parametrize("broken", [1e2, 1e5])
def test_a_broken_minority_moves_the_geometric_median_little(broken: float) -> None:
    taus = np.concatenate([np.ones((3, 4)) + 0.1 * np.eye(3, 4), broken * np.ones((2, 4))])
    assert np.abs(geometric_median(taus) - 1).max() < 0.3
