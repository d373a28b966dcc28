"""Methods that go down to something: where they end, how many steps they take, and when they stop, by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvec.errors import CompositionError
from taskvec.methods import METHODS, awd, geometric_median, karcher, multislerp
from taskvec.methods.ways.awd import disentangled, objective

Dense = np.ndarray


def loss(taus: Dense, delta: Dense, alpha: float) -> float:
    """mean_{i≠j} |cos(τᵢ − δ, τⱼ − δ)| + α‖δ‖, pair by pair."""
    left = [tau - delta for tau in taus]
    pairs = [(i, j) for i in range(len(left)) for j in range(len(left)) if i != j]
    cosines = [abs(left[i] @ left[j]) / np.linalg.norm(left[i]) / np.linalg.norm(left[j]) for i, j in pairs]
    return sum(cosines) / max(len(pairs), 1) + alpha * float(np.linalg.norm(delta))


def alike(tasks: int, seed: int = 0) -> Dense:
    """Vectors of which all pairs point the same way, so that the loss has a slope everywhere near its minimum."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((tasks, 40)) + 1.5 * rng.standard_normal(40)


@given(seed=st.integers(0, 2**32 - 1), tasks=st.sampled_from([1, 2, 3, 5]), alpha=st.sampled_from([0.0, 0.1, 2.0]))
def test_the_objective_of_awd_is_the_papers(seed: int, tasks: int, alpha: float) -> None:
    taus = np.random.default_rng(seed).standard_normal((tasks, 7))
    taken = np.random.default_rng(seed + 1).uniform(-0.5, 0.5, tasks)
    assert objective(taken, taus @ taus.T, alpha) == pytest.approx(loss(taus, taken @ taus, alpha), rel=1e-9)


def test_what_is_all_taken_away_counts_as_orthogonal() -> None:
    gram = np.diag([4.0, 9.0])
    assert objective(np.array([1.0, 0.0]), gram, 0.5) == pytest.approx(0.5 * 2)
    assert objective(np.array([0.0, 0.0]), gram, 0.5) == 0


def slope(taus: Dense, delta: Dense, alpha: float) -> Dense:
    """The gradient of the loss, from differences; where δ is 0 its norm has none, and is left out."""
    alpha, step = alpha if delta.any() else 0.0, 1e-6
    axes = step * np.eye(taus.shape[1])
    return np.array([loss(taus, delta + e, alpha) - loss(taus, delta - e, alpha) for e in axes]) / (2 * step)


def descended(taus: Dense, alpha: float, steps: int) -> Dense:
    """Down the loss in R^P: strides of a fiftieth of the vectors at most, halved until they help, then doubled."""
    size = math.sqrt(float((taus**2).sum()) / len(taus))
    delta, stride = np.zeros(taus.shape[1]), 0.02 * size
    for _ in range(steps):
        downhill = -slope(taus, delta, alpha)
        while loss(taus, delta + stride * downhill / np.linalg.norm(downhill), alpha) >= loss(taus, delta, alpha):
            stride /= 2
        delta += stride * downhill / np.linalg.norm(downhill)
        stride = min(2 * stride, 0.02 * size)
    return delta


@pytest.mark.parametrize("tasks", [2, 3, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_awd_goes_down_the_papers_loss(tasks: int, alpha: float, steps: int) -> None:
    """Another weight between overlap and norm would go another way from the second step on."""
    taus = alike(tasks)
    found = disentangled(taus @ taus.T, alpha, steps) @ taus
    wanted = descended(taus, alpha, steps)
    assert np.linalg.norm(wanted) > 0.01 * np.linalg.norm(taus[0])
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.linalg.norm(wanted))


def test_awd_takes_no_step_if_none_is_allowed_or_none_helps() -> None:
    taus = alike(3)
    np.testing.assert_array_equal(disentangled(taus @ taus.T, 0.1, 0), np.zeros(3))
    np.testing.assert_array_equal(disentangled(taus @ taus.T, 1e6, 300), np.zeros(3))
    np.testing.assert_array_equal(disentangled(np.zeros((3, 3)), 0.1, 300), np.zeros(3))
    np.testing.assert_array_equal(disentangled(np.array([[4.0]]), 0.1, 300), [0.0])


def test_the_sum_of_awd_has_what_was_taken_from_each() -> None:
    taus = alike(4)
    delta = disentangled(taus @ taus.T, 0.1, 300) @ taus
    np.testing.assert_allclose(awd(taus, scaling=0.5), 0.5 * (taus.sum(axis=0) - 4 * delta), rtol=1e-9)


def weiszfeld(taus: Dense, weights: Dense, steps: int) -> Dense:
    point = weights @ taus / weights.sum()
    for _ in range(steps):
        pulls = weights / np.linalg.norm(taus - point, axis=1)
        point = pulls @ taus / pulls.sum()
    return point


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_geometric_median_takes_so_many_steps_of_weiszfeld(steps: int) -> None:
    taus, weights = np.random.default_rng(3).standard_normal((4, 6)), np.array([1.0, 2.0, 0.5, 3.0])
    found = geometric_median(taus, weight=weights.tolist(), max_iter=steps, tol=1e-300)
    np.testing.assert_allclose(found, weiszfeld(taus, weights, steps), rtol=1e-9)


def test_the_geometric_median_stops_at_a_small_change() -> None:
    taus, weights = np.random.default_rng(3).standard_normal((4, 6)), np.ones(4)
    coarse = geometric_median(taus, tol=0.9)
    np.testing.assert_allclose(coarse, weiszfeld(taus, weights, 1), rtol=1e-9)
    fine = geometric_median(taus)
    np.testing.assert_allclose(fine, weiszfeld(taus, weights, 1000), rtol=1e-7)


def test_a_vector_that_more_than_half_share_is_the_geometric_median() -> None:
    taus = np.array([[1.0, 2.0]] * 3 + [[-5.0, 7.0], [9.0, 0.0]])
    np.testing.assert_allclose(geometric_median(taus), [1.0, 2.0], atol=1e-9)
    np.testing.assert_array_equal(geometric_median(np.zeros((3, 2))), [0.0, 0.0])


def test_opposite_models_pull_the_karcher_mean_to_no_side() -> None:
    model = np.random.default_rng(1).standard_normal(30)
    unit, size = model / np.linalg.norm(model), np.linalg.norm(model)
    found = karcher(np.array([model, 2 * model, -3 * model]))
    np.testing.assert_allclose(found, unit * size * 2, rtol=1e-9)


def test_the_karcher_mean_of_what_cancels_begins_at_the_first_that_has_a_direction() -> None:
    found = karcher(np.array([[0.0, 0.0], [3.0, 4.0], [-3.0, -4.0]]))
    np.testing.assert_allclose(found, np.array([3.0, 4.0]) / 5 * (10 / 3), rtol=1e-12)


def test_the_karcher_mean_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(karcher(np.zeros((2, 3))), np.zeros(3))


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_the_karcher_mean_takes_so_many_steps(steps: int) -> None:
    models = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    mean = models.sum(axis=0) / np.linalg.norm(models.sum(axis=0))
    for _ in range(steps):
        angles = np.arccos(models @ mean)
        tangent = sum(a / np.sin(a) * (m - np.cos(a) * mean) for a, m in zip(angles, models, strict=True)) / 3
        size = np.linalg.norm(tangent)
        mean = np.cos(size) * mean + np.sin(size) * tangent / size
    np.testing.assert_allclose(karcher(models, max_iter=steps), mean, rtol=1e-9)
    if steps == 1:
        np.testing.assert_allclose(karcher(models, tol=1e-12, max_iter=1), mean, rtol=1e-9)
        assert np.abs(karcher(models) - mean).max() > 1e-6


def test_three_directions_that_cancel_have_no_mean_and_two_are_added() -> None:
    three = np.array([[1.0, 0.0], [-0.5, math.sqrt(0.75)], [-0.5, -math.sqrt(0.75)]])
    with pytest.raises(CompositionError, match="no mean direction is left"):
        multislerp(three)
    np.testing.assert_allclose(multislerp(np.array([[1.0, 0.0], [-3.0, 0.0]])), [-1.0, 0.0])


def test_arcs_are_lines_where_models_are_nearly_parallel() -> None:
    """mergekit's bound of slerp: above a cosine of 0.9995, and below −0.9995, the line is taken."""
    slerp = METHODS["slerp"]
    for cosine in (0.9994, 0.9996, -0.9994, -0.9996, 1.0, -1.0):
        first, second = np.array([1.0, 0.0]), 2 * np.array([cosine, math.sqrt(1 - cosine**2)])
        angle = math.acos(cosine)
        line = 0.75 * first + 0.25 * second
        arc = (math.sin(0.75 * angle) * first + math.sin(0.25 * angle) * second) / math.sin(angle or 1)
        wanted = line if abs(cosine) > 0.9995 else arc
        np.testing.assert_allclose(slerp(np.array([first, second]), t=0.25), wanted, rtol=1e-9)
