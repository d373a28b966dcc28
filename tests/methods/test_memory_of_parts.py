"""What merging a part takes is within what a plan counts for it, whatever the method and the number of tasks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from merge_cases import CASES, Case

from taskvec.merging.reading import merging_bytes
from taskvec.methods import METHODS
from taskvec.methods.method import Formula
from taskvec.methods.part import Grain, Part
from taskvec.methods.statistic import Sums

ROW, NUMBERS = 256, 1 << 15
INTERPRETER_BYTES = 1 << 14


def names_for(case: Case, num_tasks: int) -> tuple[str, ...]:
    """So many tasks, or as many as the method takes."""
    return tuple(f"task {t}" for t in range(min(num_tasks, METHODS[case.method].max_inputs or num_tasks)))


def settings(case: Case, names: tuple[str, ...]) -> Any:
    """The options of a case for any number of tasks."""
    given = {
        name: [value[t % len(value)] for t in range(len(names))] if isinstance(value, list) else value
        for name, value in case.options.items()
    }
    return METHODS[case.method].settings(names, given | ({"task": names[0]} if "task" in given else {})).at("")


def taken(work: Callable[[], object]) -> int:
    """The most bytes that something takes at once; the first time, kernels and what is kept come on top."""
    work()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def in_parts(case: Case) -> bool:
    """Whether a case merges elements or rows by a formula."""
    rule = METHODS[case.method].rule_for(settings(case, names_for(case, 2)))
    return isinstance(rule, Formula) and rule.grain is not Grain.TENSOR


@pytest.mark.parametrize("num_tasks", [2, 8, 32])
@pytest.mark.parametrize("case", [*filter(in_parts, CASES)], ids=str)
def test_merging_a_part_takes_no_more_than_is_planned(case: Case, num_tasks: int) -> None:
    names = names_for(case, num_tasks)
    options = settings(case, names)
    rule = METHODS[case.method].rule_for(options)
    rng, count = np.random.default_rng(0), NUMBERS // len(names) // ROW * ROW
    rows = rng.standard_normal((len(names), count), np.float32)
    part = Part(rows, rng.standard_normal(count, np.float32), (count // ROW, ROW), names=names)
    allowed = merging_bytes(len(names), count, rule.number_bytes) - rows.nbytes - part.base.nbytes + INTERPRETER_BYTES
    for statistic in rule.statistics:
        if not statistic.wanted(options):
            part = replace(part, found=(*part.found, None))
            continue
        measure, known = statistic.terms if isinstance(statistic, Sums) else statistic.scores, part
        assert taken(lambda: measure(known, options)) <= allowed  # noqa: B023  # called at once
        part = replace(part, found=(*part.found, statistic.of(part, options)))
    assert taken(lambda: rule.merge(part, options)) <= allowed
