"""The README's table of speed is what the kept answers say, and is put between its marks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.questions import QUESTIONS
from benchmarks.readme import BEGIN, END, README, speed_table, write_readme
from benchmarks.results import RESULTS, load

KEPT = {name: found for name in QUESTIONS if (found := load(RESULTS, name)) is not None}


def test_the_readme_has_the_table_of_the_kept_answers() -> None:
    assert f"{BEGIN}\n{speed_table(KEPT)}\n{END}" in README.read_text(encoding="utf-8")


def test_what_stands_around_the_table_stays(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_readme(KEPT, readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"# before\n{BEGIN}\n| | taskvec |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text


def test_a_race_without_its_peer_is_left_out() -> None:
    assert "mergekit" not in speed_table({"against_dense_bases": KEPT["against_dense_bases"]})
    assert "`--help`" in speed_table({"startup": KEPT["startup"]})


def test_every_row_is_said_to_be_of_its_own_machine() -> None:
    one, other = KEPT["against_mergekit"], KEPT["startup"]
    elsewhere = replace(other, machine=replace(other.machine, cpu="Another"), date="2026-01-02T03:04")
    last = speed_table({"against_mergekit": one, "startup": elsewhere}).splitlines()[-1]
    assert f"on {one.machine.cpu}, " in last
    assert "; on Another, " in last
    assert last.endswith("2026-01-02 (startup).")
    assert "(" not in speed_table({"startup": other}).splitlines()[-1].replace("(R)", "")
