"""The page of results: made from JSON alone, the same every time, and plain about what falls short."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.lines import fit
from benchmarks.machine import Machine
from benchmarks.measuring import Run
from benchmarks.report import page
from benchmarks.results import Answer, Result, Target, load, save
from benchmarks.tables import Column, Table, Unit, show

RUN = Run(seconds=1.5, peak_bytes=1 << 20, open_files=3, read_bytes=10, disk_read_bytes=5, written_bytes=2)
TABLE = Table("Times", (Column("command"), Column("seconds", Unit.TIMING)), (("edit", (1.5, 1.4, 1.6)), ("ties", None)))
FAST = Target("edit: fast", 1.5, 2.0, Unit.SECONDS)
SLOW = Target("edit: at most the floor", 1.5, 1.0, Unit.SECONDS)
RATIO = Target("edit: 5 × as fast", 7.0, 5.0, Unit.RATIO, at_least=True)


def result(*targets: Target, others: float | None = 0.01, load: float | None = None) -> Result:
    answer = Answer("Two models.", (TABLE,), targets, ("One row is left out.",), {"edit": (RUN,)})
    machine = Machine("Some CPU", 2, 24 << 30, "Linux 6", "3.11.7")
    command = "python -m benchmarks startup"
    return Result("startup", "How long?", command, "2026-01-02", "abc123", machine, answer, others, load)


def test_json_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = result(FAST, SLOW)
    save(saved, tmp_path)
    assert load(tmp_path, "startup") == saved
    assert load(tmp_path, "how_time_grows") is None


def test_the_page_is_the_same_every_time(tmp_path: Path) -> None:
    save(result(FAST, SLOW), tmp_path)
    pages = {page([found]) for _ in range(2) if (found := load(tmp_path, "startup"))}
    assert pages == {page([result(FAST, SLOW)])}


def test_the_page_has_figures_with_their_circumstances() -> None:
    text = page([result(FAST)])
    for words in ("1.50 (1.40 – 1.60)", "python -m benchmarks startup", "2026-01-02", "abc123", "Some CPU, 2 cores"):
        assert words in text
    assert "| ties | – |" in text
    assert "Nothing: every target was met." in text


def test_what_falls_short_is_said_with_its_figures() -> None:
    text = page([result(FAST, SLOW, RATIO)])
    assert "edit: at most the floor: measured 1.50 s, wanted at most 1.00 s" in text
    assert "edit: fast: measured" not in text
    assert "edit: 5 × as fast: measured" not in text


def test_a_missed_goal_is_no_missed_promise() -> None:
    goal = replace(SLOW, is_goal=True)
    assert "the goal beyond the target, edit: at most the floor" in page([result(goal)])
    assert "**no**" not in page([result(goal)])


def test_a_busy_machine_is_pointed_out() -> None:
    text = page([result(SLOW, others=0.25)])
    assert "other work took 25.0% of the processors before the run: the machine was busy" in text
    assert "asked, which costs time: `startup`" in text
    assert "busy" not in page([result(SLOW, others=0.02)])


def test_an_old_result_says_no_more_than_its_load_tells() -> None:
    text = page([result(SLOW, others=None, load=3.0)])
    assert "load 3.0 before the run, perhaps of the question before: take times with care" in text
    assert "busy" not in text
    assert "with care" not in page([result(SLOW, others=None, load=0.2)])


def test_an_old_result_can_be_read(tmp_path: Path) -> None:
    saved = save(result(FAST, others=None, load=1.5), tmp_path)
    old = json.loads(saved.read_text(encoding="utf-8"))
    del old["others"]
    saved.write_text(json.dumps(old), encoding="utf-8")
    found = load(tmp_path, "startup")
    assert found == result(FAST, others=None, load=1.5)


def test_a_target_has_a_direction() -> None:
    assert FAST.is_met
    assert not SLOW.is_met
    assert RATIO.is_met
    assert not replace(RATIO, measured=4.9).is_met


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (100_000, Unit.COUNT, "100,000"),
        (3 << 29, Unit.BYTES, "1.50 GiB"),
        (1536, Unit.BYTES, "2 KiB"),
        (0.0308, Unit.FRACTION, "3.080%"),
        (0.0, Unit.FRACTION, "0.0%"),
        (0.5, Unit.SECONDS, "0.500 s"),
        (None, Unit.SECONDS, "–"),
    ],
)
def test_a_figure_is_shown_with_its_unit(value: float | None, unit: Unit, text: str) -> None:
    assert show(value, unit) == text


def test_a_straight_line_is_found() -> None:
    line = fit([0.016, 0.064, 0.256], [0.5 + 0.016 * 3, 0.5 + 0.064 * 3, 0.5 + 0.256 * 3])
    assert (line.start, line.slope) == pytest.approx((0.5, 3.0))
    assert line.deviations == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_point_off_the_line_is_found() -> None:
    line = fit([10, 20, 30, 40], [1.0, 2.0, 3.0, 8.0])
    assert max(line.deviations) > 0.2
