"""Nothing d × d is made for subspaces of a large space: a peak of memory would tell."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.subspaces.remaining import remaining
from taskvec.linalg.subspaces.singular import singular_factors
from taskvec.linalg.subspaces.subspaces import METHODS, SubspaceRule

D, RANK, TASKS = 20_000, 4, 3
THIN = 8 * D * RANK * TASKS
"""Bytes of all directions; a d × d matrix would take 417 times as many."""


def peak_of(work: object) -> int:
    tracemalloc.start()
    work()  # type: ignore[operator]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.fixture(scope="module")
def bases() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    common = rng.standard_normal((D, 2))
    stacks = [np.concatenate([common, rng.standard_normal((D, RANK - 2))], axis=1) for _ in range(TASKS)]
    return [np.linalg.qr(stack)[0] for stack in stacks]


@pytest.mark.parametrize("name", METHODS)
def test_shared_subspaces_are_found_in_the_ranks(name: str, bases: list[np.ndarray]) -> None:
    found = []
    peak = peak_of(lambda: found.append(SubspaceRule(name).share(bases, D)))
    assert found[0].directions.count == 2
    assert peak < 6 * THIN


def test_what_remains_of_a_subspace_too(bases: list[np.ndarray]) -> None:
    assert peak_of(lambda: remaining(bases[0], bases[1][:, :2])) < 6 * THIN


def test_factors_of_a_tall_matrix_too() -> None:
    matrix = np.random.default_rng(1).standard_normal((D, 60)).astype(np.float32)
    assert peak_of(lambda: singular_factors(matrix, RankRule(rank=RANK))) < 10 * matrix.nbytes
