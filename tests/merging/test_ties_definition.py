"""The pure function: against the definition, and the laws that it obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ties_definition import merged

from taskvec.errors import CompositionError
from taskvec.methods import ties

DENSITIES = st.floats(1e-3, 1)
FEW_VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(0, 12)), elements=st.integers(-3, 3).map(lambda n: n / 4)
)


@given(FEW_VALUES, DENSITIES)
def test_it_is_the_definition_where_many_magnitudes_are_equal(rows: np.ndarray, density: float) -> None:
    np.testing.assert_array_equal(ties(rows, density=density), merged(rows, density))


@given(FEW_VALUES, DENSITIES, st.randoms())
def test_the_order_of_tasks_does_not_matter(rows: np.ndarray, density: float, random: object) -> None:
    order = np.random.default_rng(len(str(random))).permutation(len(rows))
    np.testing.assert_allclose(ties(rows[order], density=density), ties(rows, density=density), rtol=1e-15)


@given(FEW_VALUES, DENSITIES)
def test_negated_tasks_give_the_negated_merge_except_where_kept_values_cancel(rows: np.ndarray, density: float) -> None:
    kept = np.array([[ties(row[None], density=density)] for row in rows]).reshape(rows.shape)
    decided = kept.sum(axis=0) != 0
    np.testing.assert_array_equal(ties(-rows, density=density)[decided], -ties(rows, density=density)[decided])


def test_where_kept_values_cancel_the_sign_is_plus() -> None:
    assert ties([[1.0], [-1.0]], density=1).tolist() == [1.0]
    assert ties([[1.0, 5.0], [-1.0, 0.0]], density=0.5).tolist() == [-1.0, 5.0]


def test_all_kept_is_the_mean_of_the_values_that_agree() -> None:
    assert ties([[1.0, -3.0], [3.0, 1.0], [-1.0, 0.0]], density=1).tolist() == [2.0, -3.0]


def test_of_equal_magnitudes_the_lower_index_is_kept() -> None:
    assert ties([[2.0, -2.0, 2.0, 1.0]], density=0.5).tolist() == [2.0, -2.0, 0.0, 0.0]


def test_a_tiny_density_keeps_one_entry_of_each_task() -> None:
    assert ties([[1.0, 2.0, 3.0], [-4.0, 2.0, 3.0]], density=1e-9).tolist() == [-4.0, 0.0, 3.0]


def test_halves_are_rounded_to_even() -> None:
    assert np.count_nonzero(ties([np.arange(1.0, 6.0)], density=0.5)) == 2


@pytest.mark.parametrize("density", [0, -0.1, 1.01, float("nan")])
def test_a_density_that_is_no_fraction_is_refused(density: float) -> None:
    with pytest.raises(CompositionError, match="expected above 0 and at most 1"):
        ties([[1.0]], density=density)


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        (np.zeros((0, 3)), "at least one task vector, found 0"),
        (np.float64(1), "expected finite deltas"),
        ([[np.nan]], "expected finite deltas"),
    ],
)
def test_what_is_no_family_of_finite_deltas_is_refused(deltas: object, message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        ties(deltas)
