"""Every method, called on arrays: against its formula, and the laws that it obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merge_cases import CASES, Case
from method_oracles import BY_THEIR_OPTIMUM, ORACLES, Dense

from taskvec.errors import CompositionError
from taskvec.methods import METHODS
from taskvec.methods.families.electing import agreeing
from taskvec.methods.options import Scaled

SHAPES = ((), (1,), (7,), (5, 4), (3, 8), (2, 3, 4))
TASKS = ("a", "b", "c", "d")

shapes = st.sampled_from(SHAPES)
seeds = st.integers(0, 2**32 - 1)
cases = pytest.mark.parametrize("case", CASES, ids=str)
with_oracle = pytest.mark.parametrize("case", [case for case in CASES if case.method in ORACLES], ids=str)
scaled = pytest.mark.parametrize(
    "case", [case for case in CASES if issubclass(METHODS[case.method].options, Scaled)], ids=str
)


def draw(case: Case, shape: tuple[int, ...], seed: int) -> tuple[Dense, Dense]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((case.tasks, *shape)) * 0.1, rng.standard_normal(shape)


def merged(case: Case, taus: Dense, base: Dense, **more: Any) -> Dense:
    names = more.pop("names", TASKS[: len(taus)])
    return METHODS[case.method](taus, base=base, names=names, tensor="w", **{**case.options, **more})


def close(found: Dense, wanted: Dense, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@with_oracle
@given(shape=shapes, seed=seeds)
def test_it_is_its_formula(case: Case, shape: tuple[int, ...], seed: int) -> None:
    taus, base = draw(case, shape, seed)
    wanted = ORACLES[case.method](taus, base, names=TASKS[: len(taus)], tensor="w", **case.options)
    close(merged(case, taus, base), wanted)


@pytest.mark.parametrize("case", [case for case in CASES if case.equal], ids=str)
@given(shape=shapes, seed=seeds)
def test_it_is_its_formula_where_values_are_equal(case: Case, shape: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    taus, base = (rng.integers(-2, 3, size) / 4 for size in ((case.tasks, *shape), shape))
    wanted = ORACLES[case.method](taus, base, names=TASKS[: len(taus)], tensor="w", **case.options)
    close(merged(case, taus, base), wanted)


@cases
@given(shape=shapes, seed=seeds, order=st.permutations(range(4)))
def test_the_order_of_tasks_does_not_matter(case: Case, shape: tuple[int, ...], seed: int, order: list[int]) -> None:
    taus, base = draw(case, shape, seed)
    if case.any_order:
        chosen = [t for t in order if t < len(taus)]
        names = [TASKS[t] for t in chosen]
        close(merged(case, taus[chosen], base, names=names), merged(case, taus, base))


@cases
@given(shape=shapes, seed=seeds)
def test_minus_the_tasks_give_minus_the_merge(case: Case, shape: tuple[int, ...], seed: int) -> None:
    taus, base = draw(case, shape, seed)
    if case.odd:
        close(merged(case, -taus, base), -merged(case, taus, base), 1e-6)


@cases
@given(shape=shapes, seed=seeds, factor=st.sampled_from([0.5, 4.0]))
def test_longer_tasks_give_a_longer_merge(case: Case, shape: tuple[int, ...], seed: int, factor: float) -> None:
    taus, base = draw(case, shape, seed)
    if case.homogeneous and case.method != "awd":
        close(merged(case, factor * taus, base), factor * merged(case, taus, base), 1e-6)


@cases
@given(shape=shapes, seed=seeds)
def test_no_element_leaves_the_hull_of_the_tasks_and_the_base(case: Case, shape: tuple[int, ...], seed: int) -> None:
    taus, base = draw(case, shape, seed)
    if case.hull:
        found, slack = merged(case, taus, base), 1e-12
        assert (found <= np.maximum(taus.max(axis=0), 0) + slack).all()
        assert (found >= np.minimum(taus.min(axis=0), 0) - slack).all()


@cases
@given(shape=shapes, seed=seeds)
def test_one_task_alone_comes_back(case: Case, shape: tuple[int, ...], seed: int) -> None:
    taus, base = draw(case, shape, seed)
    if case.one:
        options = {n: v[:1] if isinstance(v, list) else v for n, v in case.options.items()}
        close(METHODS[case.method](taus[:1], base=base, **options), taus[0], 1e-6)


@scaled
def test_a_scaling_of_zero_is_the_base_and_two_is_twice_as_much(case: Case) -> None:
    taus, base = draw(case, (5, 4), 1)
    at = {scaling: merged(case, taus, base, scaling=scaling) for scaling in (0, 1, 2)}
    start = at[0]
    close(at[2] - at[1], at[1] - start)
    assert case.method == "linear" or not start.any()


@cases
def test_it_takes_unchanged_models(case: Case) -> None:
    taus, base = draw(case, (4, 3), 2)
    found = merged(case, 0 * taus, base)
    assert np.isfinite(found).all()
    is_moved = case.options.get("normalize") is False or "scale" in case.options
    assert is_moved or np.abs(found).max() < 1e-12


def test_it_takes_tensors_of_torch_in_any_dtype() -> None:
    import torch

    ours, theirs = (torch.tensor(values, dtype=torch.bfloat16) for values in ([1.0, -2.0, 0.5], [3.0, 4.0, -1.0]))
    wanted = METHODS["ties"](np.array([[1.0, -2.0, 0.5], [3.0, 4.0, -1.0]]), density=0.7)
    for deltas in ([ours, theirs], [ours.float().requires_grad_(), theirs], torch.stack([ours, theirs])):
        found = METHODS["ties"](deltas, base=ours, density=0.7)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        ([np.zeros(3), np.zeros(2)], r"ties: expected deltas of one shape, found \[3\] and \[2\]"),
        ([np.array([1.0, np.nan])], r"ties: expected finite deltas \(T, …\), one a task, found \[1, 2\]"),
        (1.0, r"ties: expected finite deltas \(T, …\), one a task, found \[\]: stack them"),
    ],
)
def test_what_is_no_stack_of_deltas_is_refused(deltas: Any, message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        METHODS["ties"](deltas)


def test_a_method_says_what_it_is() -> None:
    assert repr(METHODS["ties"]) == "<Method ties: trim, elect sign, disjoint mean>"


def test_every_method_has_a_row_in_the_table_of_cases() -> None:
    assert {case.method for case in CASES} == set(METHODS), "add it to tests/methods/merge_cases.py"


def test_every_method_has_an_oracle() -> None:
    assert {*ORACLES, *BY_THEIR_OPTIMUM} == set(METHODS), "write its formula into tests/methods/method_oracles.py"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_changes_that_cancel_exactly_elect_plus_whatever_the_weight(dtype: type) -> None:
    """0.3·1 + 0.3·2 − 0.3·3 is 5·10⁻¹⁷ less than 0 in float64; the sum of the changes themselves is 0."""
    rows = np.array([[1.0, 3.0], [2.0, -1.0], [-3.0, -2.0]], dtype)
    for weight in (0.3, 0.1, 0.7, 1.0):
        np.testing.assert_allclose(
            agreeing(rows, [weight] * 3, normalize=False), weight * np.array([3.0, 3.0]), rtol=1e-6
        )
        np.testing.assert_allclose(agreeing(rows, [weight] * 3, normalize=True), [1.5, 3.0], rtol=1e-6)
    np.testing.assert_allclose(agreeing(rows, [-0.3] * 3, normalize=False), [0.9, 0.9], rtol=1e-6)
    np.testing.assert_allclose(agreeing(rows, [0.0] * 3, normalize=False), [0.0, 0.0])
