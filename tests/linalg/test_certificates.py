"""The error of any combination, from T × T numbers, against dense float64 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from taskvec.linalg.certificate import Certificate, best_decoder, enough, residual_gram

TASKS = ("a", "b", "c", "d", "e")
weights = st.lists(st.floats(-3, 3), min_size=5, max_size=5)


def case(seed: int, num_atoms: int) -> tuple[oracles.Dense, oracles.Dense]:
    """V, and atoms near its column space."""
    rng = np.random.default_rng(seed)
    v = rng.standard_normal((40, 5))
    return v, v @ rng.random((5, num_atoms)) + 0.01 * rng.standard_normal((40, num_atoms))


@given(st.integers(0, 10_000), st.integers(1, 4), weights)
def test_it_answers_for_any_coefficients(seed: int, num_atoms: int, coefficients: list[float]) -> None:
    v, atoms = case(seed, num_atoms)
    decoder = best_decoder(atoms.T @ atoms, atoms.T @ v)
    residual = residual_gram(v.T @ v, atoms.T @ atoms, atoms.T @ v, decoder)
    certificate = Certificate(TASKS, num_atoms, v.T @ v, residual)
    recovered = atoms @ decoder
    assert certificate.relative_error == pytest.approx(oracles.relative_error(recovered, v), abs=1e-9)
    a = np.array(coefficients)
    if np.linalg.norm(v @ a) > 1e-6:
        truth = oracles.relative_error(recovered @ a, v @ a)
        assert certificate.error_of(a) == pytest.approx(truth, abs=1e-6)
        assert certificate.error_of_expression(dict(zip(TASKS, a, strict=True))) == certificate.error_of(a)
    for t, task in enumerate(TASKS):
        truth = oracles.relative_error(recovered[:, t], v[:, t])
        assert certificate.task_errors[task] == pytest.approx(truth, abs=1e-9)
        assert certificate.error_of(np.eye(5)[t]) == pytest.approx(truth, abs=1e-9)
    assert certificate.sum_error == certificate.error_of([1] * 5)
    assert certificate.task_errors[certificate.worst_task] == max(certificate.task_errors.values())


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 100))
def test_no_other_decoder_is_better(seed: int, num_atoms: int, other: int) -> None:
    v, atoms = case(seed, num_atoms)
    best = best_decoder(atoms.T @ atoms, atoms.T @ v)
    np.testing.assert_allclose(best, np.linalg.lstsq(atoms, v, rcond=None)[0], atol=1e-6)
    disturbed = best + 0.1 * np.random.default_rng(other).standard_normal(best.shape)
    assert oracles.relative_error(atoms @ best, v) < oracles.relative_error(atoms @ disturbed, v)


def test_atoms_of_very_different_length_are_treated_alike() -> None:
    v, atoms = case(0, 3)
    scaled = atoms * np.array([1e-8, 1.0, 1e8])
    plain, wide = (a @ best_decoder(a.T @ a, a.T @ v) for a in (atoms, scaled))
    np.testing.assert_allclose(wide, plain, atol=1e-9)


def test_equal_and_zero_atoms_are_no_obstacle() -> None:
    v, atoms = case(1, 2)
    atoms = np.column_stack([atoms, atoms[:, 0], np.zeros(40)])
    decoder = best_decoder(atoms.T @ atoms, atoms.T @ v)
    np.testing.assert_allclose(atoms @ decoder, atoms[:, :2] @ np.linalg.lstsq(atoms[:, :2], v, rcond=None)[0])


def test_errors_beside_a_vanishing_truth() -> None:
    certificate = Certificate(("a", "b"), 1, np.array([[1.0, -1.0], [-1.0, 1.0]]), np.diag([0.04, 0.0]))
    assert certificate.error_of([1, 1]) == np.inf
    assert certificate.error_of([0, 0]) == 0
    assert certificate.task_errors == {"a": pytest.approx(0.2), "b": 0.0}


def test_a_task_whose_error_is_unknown_is_not_the_worst() -> None:
    certificate = Certificate(("a", "b", "c"), 1, np.eye(3), np.diag([np.nan, 0.04, 0.09]))
    assert certificate.worst_task == "c"


@given(st.floats(1e-6, 1.0))
def test_an_error_to_allow_is_no_smaller_than_it_is(error: float) -> None:
    assert error <= float(enough(error)) <= error * 1.0101
