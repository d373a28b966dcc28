"""Eigenvalues of G against singular values of V itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from taskvec.linalg.spectrum import Spectrum


def vectors(seed: int, num_tasks: int, shared: float = 0.0) -> oracles.Dense:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((50, num_tasks)) + shared * rng.standard_normal((50, 1))


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_errors_are_those_of_the_singular_values(seed: int, num_tasks: int) -> None:
    v = vectors(seed, num_tasks)
    np.testing.assert_allclose(Spectrum.of(v.T @ v).optimal_errors(), oracles.optimal_errors(v), atol=1e-7)


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_it_is_the_decomposition_of_the_gram_matrix(seed: int, num_tasks: int) -> None:
    v = vectors(seed, num_tasks)
    spectrum = Spectrum.of(v.T @ v)
    rebuilt = spectrum.vectors * spectrum.values @ spectrum.vectors.T
    oracles.assert_close(rebuilt, v.T @ v, relative=1e-12, what="gram")
    oracles.assert_close(spectrum.vectors.T @ spectrum.vectors, np.eye(num_tasks), relative=1e-12, what="orthonormal")
    assert (np.diff(spectrum.values) <= 0).all()


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_more_atoms_never_lose_more(seed: int, num_tasks: int) -> None:
    v = vectors(seed, num_tasks)
    errors = Spectrum.of(v.T @ v).optimal_errors()
    assert (np.diff(errors) <= 0).all()
    assert errors[-1] == 0
    assert errors[0] <= 1


@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_signs_are_fixed_whatever_the_solver_returns_and_whatever_the_order(seed: int, order: list[int]) -> None:
    v = vectors(seed, 6)
    straight, turned = Spectrum.of(v.T @ v), Spectrum.of(v[:, order].T @ v[:, order])
    np.testing.assert_allclose(turned.vectors, straight.vectors[order], atol=1e-6)
    peaks = np.abs(straight.vectors).argmax(axis=0)
    assert (straight.vectors[peaks, range(6)] > 0).all()


@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0, 3))
def test_atoms_span_the_best_space_and_are_convex_exactly_where_the_first_eigenvector_is_positive(
    seed: int, num_atoms: int, shared: float
) -> None:
    v = vectors(seed, 6, shared)
    spectrum = Spectrum.of(v.T @ v)
    encoder, is_convex = spectrum.encoder(num_atoms)
    q, _ = np.linalg.qr(v @ encoder)
    lost = oracles.relative_error(q @ (q.T @ v), v)
    assert lost == pytest.approx(oracles.optimal_errors(v)[num_atoms - 1], abs=1e-6)
    assert is_convex == bool((spectrum.vectors[:, 0] > 0).all())
    np.testing.assert_allclose((encoder if is_convex else np.abs(encoder)).sum(axis=0), 1, rtol=1e-12)
    assert (encoder >= 0).all() or not is_convex


def test_positive_inner_products_always_give_convex_atoms() -> None:
    v = np.abs(vectors(0, 6))
    assert Spectrum.of(v.T @ v).encoder(4)[1]


@pytest.mark.parametrize(
    ("columns", "errors"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 1, 0], [np.sqrt(1 / 3), 0, 0]),
        ([0, 1, None], [np.sqrt(1 / 2), 0, 0]),
        ([None, None, None], [0, 0, 0]),
    ],
    ids=["equal", "two equal", "one zero", "all zero"],
)
def test_singular_gram_matrices_have_exact_errors(columns: list[int | None], errors: list[float]) -> None:
    axes = np.eye(4)
    v = np.column_stack([np.zeros(4) if column is None else axes[column] for column in columns])
    spectrum = Spectrum.of(v.T @ v)
    np.testing.assert_allclose(spectrum.optimal_errors(), errors, atol=1e-7)
    for num_atoms in (1, 2, 3):
        assert np.isfinite(spectrum.encoder(num_atoms)[0]).all()


def test_rounding_noise_below_zero_is_no_imaginary_error() -> None:
    v = vectors(3, 3) @ np.array([[1, 2, 3, 4], [2, 4, 6, 8], [1, 1, 1, 1.0]])
    spectrum = Spectrum.of(v.T @ v)
    assert (spectrum.values >= 0).all()
    assert not np.isnan(spectrum.optimal_errors()).any()
