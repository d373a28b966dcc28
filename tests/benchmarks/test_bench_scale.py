"""How time over the number of task vectors is put in words."""

from __future__ import annotations

from benchmarks.how_far_it_scales import MATRIX, Case, growth, straight
from benchmarks.lines import fit
from benchmarks.measuring import Run


def _case(count: int, seconds: float) -> Case:
    return Case(MATRIX, count, 0, 0, (Run(seconds, 0, 0, 0, 0, 0),))


def test_parts_that_grow_with_tasks_and_with_pairs_are_told_apart() -> None:
    cases = [_case(count, 1 + 0.05 * count + 0.001 * count**2) for count in (8, 16, 64, 200)]
    assert growth(MATRIX, cases) == (
        "Gram matrix: 1 s, 50 ms a task and 1 ms for every pair fit these times; from T = 50 on the pairs take longer."
    )


def test_what_joins_is_told_by_a_start_and_a_slope() -> None:
    line = fit([50, 100, 200], [1.5, 2.0, 3.3])
    assert straight(line, 32) == (
        "atoms of some: 0.89 s, in which the 32 are compared and the atoms made, "
        "and 12 ms a task fit these times within 3%."
    )


def test_times_that_no_such_sum_fits_are_said_to_be() -> None:
    cases = [_case(count, 10 - 0.01 * count) for count in (8, 16, 64, 200)]
    assert "no sum of T and T²" in growth(MATRIX, cases)
