"""Kept answers become results that say the same: medians with the spread of their runs, and what falls short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.publishing import as_result, write_report
from benchmarks.questions import QUESTIONS
from benchmarks.results import RESULTS, Result, Target, load
from benchmarks.tables import Unit

from taskvec.results import Measured

KEPT = [found for found in (load(RESULTS, name) for name in QUESTIONS) if found is not None]


@pytest.mark.parametrize("found", KEPT, ids=lambda found: found.question)
def test_every_kept_answer_is_a_result(found: Result) -> None:
    result = as_result(found)
    assert (result.name, result.title, result.notes) == (found.question, found.title, found.answer.notes)
    assert f"{result.date:%Y-%m-%dT%H:%M}" == found.date.removesuffix(" UTC")
    titles = [table.title for table in result.tables if table.title != "Targets beside figures"]
    assert titles == [table.title for table in found.answer.tables]
    missed = [target for target in found.answer.targets if not target.is_met]
    assert all(target.shortfall in result.answer for target in missed)


@pytest.mark.parametrize("found", KEPT, ids=lambda found: found.question)
def test_a_timing_is_its_median_with_the_spread_of_its_runs(found: Result) -> None:
    for table, made in zip(found.answer.tables, as_result(found).tables, strict=False):
        for row, cells in zip(table.rows, made.rows, strict=True):
            for value, cell in zip(row, cells, strict=True):
                if isinstance(value, tuple):
                    assert isinstance(cell, Measured)
                    assert cell.value == value[0]
                    assert cell.value + cell.spread >= value[2]
                    assert cell.value - cell.spread <= value[1]


def test_all_of_them_are_one_page(tmp_path: Path) -> None:
    assert KEPT
    page = tmp_path / "benchmarks.html"
    write_report(KEPT, page)
    text = page.read_text(encoding="utf-8")
    assert all(f'id="result-{number}"' in text for number in range(1, len(KEPT) + 1))


def test_a_goal_that_is_missed_is_no_missed_target() -> None:
    found = KEPT[0]
    goal = Target("twice as much", 1.0, 2.0, Unit.RATIO, at_least=True, is_goal=True)
    promise = Target("some", 1.0, 1.0, Unit.RATIO, at_least=True)
    result = as_result(replace(found, answer=replace(found.answer, targets=(promise, goal))))
    assert result.answer == f"Every target was met. Hoped for beyond them and missed: {goal.shortfall}."
