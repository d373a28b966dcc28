"""Leading singular directions against full decompositions in float64."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planted import distance, plant
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces import operators
from taskvec.linalg.subspaces.operators import NumpyOperator
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import TOLERANCE, search_bytes, singular_factors

Single = NDArray[np.float32]


def _noisy(shape: tuple[int, int], noise: float = 0.3) -> Single:
    return plant(1, shape, shared=5, own=7, noise=noise).matrices[0]


@pytest.mark.parametrize("shape", [(30, 90), (90, 30), (50, 50), (70, 1)])
def test_exact_factors_are_those_of_a_full_decomposition(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    rank = min(4, *shape)
    factors = singular_factors(matrix, RankRule(rank=rank))
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(factors.values, values[:rank], rtol=1e-10)
    assert distance(factors.left, left[:, :rank]) < 1e-7
    assert distance(factors.right, right[:rank].T) < 1e-7
    assert factors.energy == pytest.approx(np.square(matrix, dtype=np.float64).sum())


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("shape", [(600, 700), (700, 600)])
def test_the_range_finder_agrees_with_the_exact_way(shape: tuple[int, int], device: str) -> None:
    matrix = _noisy(shape)
    fast = singular_factors(matrix, RankRule(rank=12), exact_side=64, device=device)
    exact = singular_factors(matrix, RankRule(rank=12), exact_side=1000)
    assert not fast.is_exact
    assert exact.is_exact
    np.testing.assert_allclose(fast.values, exact.values, rtol=1e-5)
    assert distance(fast.left, exact.left) < 5e-3
    assert distance(fast.right, exact.right) < 5e-3


def test_its_error_is_what_really_remains() -> None:
    matrix = _noisy((600, 700))
    loose = singular_factors(matrix, RankRule(rank=20), exact_side=64, tolerance=0.5)
    remainder = matrix.astype(np.float64) @ loose.right - loose.left * loose.values
    assert loose.error == pytest.approx(np.linalg.norm(remainder) / np.linalg.norm(loose.values), rel=1e-2)
    assert 1e-4 < loose.error < 0.5
    np.testing.assert_allclose(matrix.T.astype(np.float64) @ loose.left, loose.right * loose.values, atol=1e-4)


def test_where_the_check_fails_the_exact_way_is_taken() -> None:
    flat = np.random.default_rng(0).standard_normal((300, 300), dtype=np.float32)
    factors = singular_factors(flat, RankRule(rank=5), exact_side=64, tolerance=1e-6)
    assert factors.is_exact
    np.testing.assert_allclose(factors.values, np.linalg.svd(flat, compute_uv=False)[:5], rtol=1e-5)


def test_flat_spectra_need_no_exact_way_where_that_costs_more() -> None:
    flat = np.random.default_rng(0).standard_normal((1200, 1200), dtype=np.float32)
    found = singular_factors(flat, RankRule(rank=8), exact_side=64)
    assert not found.is_exact
    assert found.error <= TOLERANCE
    np.testing.assert_allclose(found.values, np.linalg.svd(flat, compute_uv=False)[:8], rtol=1e-4)


def test_what_will_not_be_reached_is_given_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    products = []
    monkeypatch.setattr(
        NumpyOperator, "times", lambda self, right: products.append(right) or self._matrix @ right.astype(np.float32)
    )
    flat = np.random.default_rng(0).standard_normal((800, 800), dtype=np.float32)
    assert singular_factors(flat, RankRule(rank=20), exact_side=64, tolerance=1e-9).is_exact
    assert len(products) <= 4  # of eleven blocks that there is room for


@pytest.mark.parametrize("shape", [(4096, 4096), (4096, 14336), (128_000, 4096), (600, 700)])
def test_a_search_takes_no_more_memory_than_the_exact_way_or_a_small_basis(shape: tuple[int, int]) -> None:
    short = min(shape)
    assert search_bytes(shape, 64) <= max(4 * 8 * short**2, 16 * sum(shape) * (short // 8 + 64))


@pytest.mark.parametrize("shape", [(1200, 2500), (2500, 1200)])
def test_threads_do_not_change_a_bit(shape: tuple[int, int]) -> None:
    matrix = _noisy(shape)
    one, many = (singular_factors(matrix, RankRule(rank=12), threads=threads) for threads in (1, 3))
    assert not one.is_exact
    assert (one.left.tobytes(), one.right.tobytes()) == (many.left.tobytes(), many.right.tobytes())


@pytest.mark.parametrize("threads", [1, 4])
def test_products_in_blocks_are_those_of_the_whole(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "_BLOCK", 300)
    rng = np.random.default_rng(0)
    matrix, right, left = (rng.standard_normal(shape) for shape in ((70, 40), (40, 3), (70, 2)))
    operator = NumpyOperator(matrix.astype(np.float32), threads)
    np.testing.assert_allclose(operator.times(right), matrix @ right, atol=1e-4)
    np.testing.assert_allclose(operator.transposed_times(left), matrix.T @ left, atol=1e-4)


def test_equal_keys_give_equal_bits_and_other_keys_the_same_space() -> None:
    matrix = _noisy((600, 600))
    one, two, other = (singular_factors(matrix, RankRule(rank=12), exact_side=64, key=key) for key in "aab")
    assert one.left.tobytes() == two.left.tobytes() != other.left.tobytes()
    assert distance(one.left, other.left) < 1e-2


@pytest.mark.parametrize("exact_side", [64, 512])
def test_energy_keeps_the_fewest_directions_that_hold_it(exact_side: int) -> None:
    matrix = _noisy((600, 600))
    squares = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2
    factors = singular_factors(matrix, RankRule(energy=0.8), exact_side=exact_side)
    held = np.cumsum(squares) / squares.sum()
    assert held[factors.rank - 1] >= 0.8 > held[factors.rank - 2]


def test_directions_that_are_zero_are_never_kept() -> None:
    matrix = plant(1, (60, 40), shared=2, own=3).matrices[0]
    assert singular_factors(matrix, RankRule(rank=30)).rank == 5
    zero = singular_factors(np.zeros((6, 4), np.float32), RankRule(energy=0.9))
    assert (zero.rank, zero.left.shape, zero.right.shape) == (0, (6, 0), (4, 0))


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_scale_does_not_matter(scale: float) -> None:
    matrix = _noisy((60, 40))
    one, two = (singular_factors(m, RankRule(energy=0.9)) for m in (matrix, matrix * np.float32(scale)))
    assert one.rank == two.rank
    assert distance(one.left, two.left) < 1e-4


@pytest.mark.parametrize("wrong", [{}, {"rank": 3, "energy": 0.9}, {"rank": 0}, {"energy": 0.0}, {"energy": 1.0}])
def test_a_rule_that_is_none_is_refused_with_the_flag(wrong: dict[str, float]) -> None:
    with pytest.raises(DecompositionError, match=r"--rank|--energy"):
        RankRule(**wrong)  # type: ignore[arg-type]


def test_full_rank_is_refused_with_the_reason() -> None:
    with pytest.raises(DecompositionError, match="full rank"):
        RankRule(energy=1.0)
