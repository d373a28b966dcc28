"""The shared subspace against dense projectors, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import Matrix, distance, orthonormal, plant
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.edge import chain_threshold
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.singular import singular_factors
from taskvec.linalg.subspaces.subspaces import METHODS, SubspaceRule

RULE = RankRule(rank=7)


def _bases(num_tasks: int, **keywords: object) -> tuple[list[Matrix], Matrix]:
    planted = plant(num_tasks, **keywords)  # type: ignore[arg-type]
    return [singular_factors(matrix, RULE).left for matrix in planted.matrices], planted.shared


def _projectors(bases: list[Matrix]) -> list[Matrix]:
    return [basis @ basis.T for basis in bases]


@pytest.mark.parametrize("num_tasks", [2, 3, 5])
def test_mean_is_the_eigenvectors_of_the_dense_mean_projector(num_tasks: int) -> None:
    bases, _ = _bases(num_tasks, noise=0.3)
    values, vectors = np.linalg.eigh(sum(_projectors(bases)) / num_tasks)
    found = METHODS["mean"].find(bases, 0.8)
    assert found.count == np.count_nonzero(values > 0.8) > 0
    assert distance(found.vectors, vectors[:, values > 0.8]) < 1e-7
    assert found.largest == pytest.approx(values[-1])


def test_mean_of_more_ranks_than_dimensions_is_the_same() -> None:
    rng = np.random.default_rng(0)
    bases = [orthonormal(rng, 10, 6) for _ in range(3)]
    values, vectors = np.linalg.eigh(sum(_projectors(bases)) / 3)
    found = METHODS["mean"].find(bases, float(values[-3] + values[-2]) / 2)
    assert distance(found.vectors, vectors[:, -2:]) < 1e-7


@pytest.mark.parametrize("num_tasks", [2, 3, 4])
def test_palindrome_is_the_eigenvectors_of_the_dense_product(num_tasks: int) -> None:
    bases, _ = _bases(num_tasks, noise=0.2)
    chain = np.linalg.multi_dot(_projectors(bases))
    values, vectors = np.linalg.eigh(chain @ chain.T)
    found = METHODS["palindrome"].find(bases, 0.5)
    assert found.count == np.count_nonzero(values > 0.5) > 0
    assert distance(found.vectors, vectors[:, values > 0.5]) < 1e-6


@pytest.mark.parametrize("num_tasks", [2, 3, 4])
def test_chain_spans_the_eigenvectors_of_the_dense_product(num_tasks: int) -> None:
    bases, _ = _bases(num_tasks, noise=0.2)
    values, vectors = np.linalg.eig(np.linalg.multi_dot(_projectors(bases)))
    kept = vectors[:, values.real > 0.5]
    span = np.linalg.svd(np.concatenate([kept.real, kept.imag], axis=1))
    dense = span[0][:, : np.count_nonzero(span[1] > 1e-8)]
    found = METHODS["chain"].find(bases, 0.5)
    assert found.count == dense.shape[1] > 0
    assert distance(found.vectors, dense) < 1e-6


@pytest.mark.parametrize("name", METHODS)
def test_directions_are_orthonormal(name: str) -> None:
    bases, _ = _bases(4, noise=0.3)
    vectors = METHODS[name].find(bases, 0.1).vectors
    assert vectors.shape[1] > 0
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("num_tasks", [2, 3, 6])
def test_a_planted_space_is_recovered(name: str, num_tasks: int) -> None:
    bases, truth = _bases(num_tasks)
    shared = SubspaceRule(name).share(bases, 60)
    assert distance(shared.directions.vectors, truth) < 1e-5
    np.testing.assert_allclose(shared.agreement, 1.0, atol=1e-6)


def test_mean_recovers_a_planted_space_at_noise_where_the_papers_threshold_finds_nothing() -> None:
    bases, truth = _bases(8, shape=(200, 150), noise=1.2, seed=3)
    assert distance(SubspaceRule("mean").share(bases, 200).directions.vectors, truth) < 0.5
    assert SubspaceRule("chain", 0.85).share(bases, 200).directions.count == 0


@pytest.mark.parametrize("name", METHODS)
def test_disjoint_spaces_share_nothing(name: str) -> None:
    whole = orthonormal(np.random.default_rng(1), 60, 24)
    bases = [whole[:, start : start + 6] for start in range(0, 24, 6)]
    assert SubspaceRule(name).share(bases, 60).directions.count == 0


@pytest.mark.parametrize("name", METHODS)
def test_equal_spaces_share_everything(name: str) -> None:
    basis = orthonormal(np.random.default_rng(2), 60, 6)
    assert distance(SubspaceRule(name).share([basis] * 4, 60).directions.vectors, basis) < 1e-6


@pytest.mark.parametrize("name", METHODS)
def test_an_empty_space_is_allowed(name: str) -> None:
    basis = orthonormal(np.random.default_rng(2), 60, 6)
    assert SubspaceRule(name, 0.6).share([basis, np.zeros((60, 0))], 60).directions.count == 0
    assert SubspaceRule(name).share([np.zeros((60, 0))] * 2, 60).directions.count == 0


@given(st.permutations(range(5)), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_the_order_of_tasks_does_not_matter_for_mean(order: list[int], noise: float) -> None:
    bases, _ = _bases(5, noise=noise)
    rule = SubspaceRule("mean")
    one, two = rule.share(bases, 60), rule.share([bases[i] for i in order], 60)
    assert distance(one.directions.vectors, two.directions.vectors) < 1e-6


def test_the_order_of_tasks_matters_for_the_chain() -> None:
    bases, _ = _bases(3, noise=0.4)
    find = METHODS["chain"].find
    assert distance(find(bases, 0.3).vectors, find(bases[::-1], 0.3).vectors) > 1e-3


def test_chain_and_mean_agree_on_two_tasks_by_the_mapping_of_thresholds() -> None:
    bases, _ = _bases(2, noise=0.4)
    for mean in (0.7, 0.8, 0.9, 0.97):
        found = METHODS["mean"].find(bases, mean)
        assert found.count == METHODS["chain"].find(bases, chain_threshold(mean)).count


def test_agreement_is_the_mean_squared_cosine_with_the_tasks() -> None:
    bases, _ = _bases(3, noise=0.3)
    shared = SubspaceRule("mean", 0.6).share(bases, 60)
    dense = sum(_projectors(bases)) / 3
    vectors = shared.directions.vectors
    np.testing.assert_allclose(shared.agreement, np.diag(vectors.T @ dense @ vectors), atol=1e-9)
    assert (np.diff(shared.agreement) <= 1e-9).all()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 1.5])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(DecompositionError, match="out of range"):
        SubspaceRule("mean", threshold)


def test_a_threshold_that_single_tasks_pass_is_refused() -> None:
    with pytest.raises(DecompositionError, match=r"mean of 4 tasks .* 0\.25"):
        SubspaceRule("mean", 0.2).check_tasks(4)
    SubspaceRule("chain", 0.2).check_tasks(4)


def test_one_task_and_an_unknown_subspace_are_refused() -> None:
    with pytest.raises(DecompositionError, match="at least two task vectors"):
        SubspaceRule().check_tasks(1)
    with pytest.raises(DecompositionError, match="mean, palindrome, chain"):
        SubspaceRule("median")


def test_subspaces_that_meet_by_necessity_share_nothing_at_any_threshold() -> None:
    rng = np.random.default_rng(0)
    bases = [orthonormal(rng, 20, 10) for _ in range(2)]
    assert SubspaceRule("mean", 0.6).share(bases, 20).directions.count == 0
    assert METHODS["mean"].find(bases, 0.6).count > 0
