"""The allocation of atoms to groups, against all allocations."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taskvec.linalg.allocation import allocate, lost_energy


def problem(seed: int) -> tuple[list[np.ndarray], list[int]]:
    rng = np.random.default_rng(seed)
    spectra = [np.sort(rng.exponential(size=3) * scale)[::-1] for scale in rng.exponential(size=4)]
    return spectra, rng.integers(1, 50, 4).tolist()


def num_bytes(counts: tuple[int, ...], sizes: list[int]) -> int:
    return sum(count * size for count, size in zip(counts, sizes, strict=True))


@given(seed=st.integers(0, 10_000), fraction=st.floats(0.001, 0.9))
def test_error_is_kept_within_one_atom_of_the_fewest_bytes(seed: int, fraction: float) -> None:
    spectra, sizes = problem(seed)
    allowed = fraction * lost_energy(spectra, [0] * 4)
    counts = allocate(spectra, sizes, allowed)
    assert lost_energy(spectra, counts) <= allowed * (1 + 1e-9)
    every = itertools.product(range(4), repeat=4)
    best = min(num_bytes(other, sizes) for other in every if lost_energy(spectra, other) <= allowed)
    assert num_bytes(counts, sizes) <= best + max(sizes)


@given(seed=st.integers(0, 10_000), fraction=st.floats(0.001, 0.9))
def test_nothing_can_be_given_back(seed: int, fraction: float) -> None:
    spectra, sizes = problem(seed)
    allowed = fraction * lost_energy(spectra, [0] * 4)
    counts = list(allocate(spectra, sizes, allowed))
    for group in range(4):
        if counts[group]:
            fewer = [*counts[:group], counts[group] - 1, *counts[group + 1 :]]
            assert lost_energy(spectra, fewer) > allowed


def test_one_group_gets_the_fewest_atoms() -> None:
    assert allocate([np.array([4.0, 3.0, 2.0, 1.0])], [7], 3.0) == (2,)


def test_groups_without_energy_get_none() -> None:
    assert allocate([np.array([1.0, 0.5]), np.zeros(2)], [5, 5], 1e-9) == (2, 0)
