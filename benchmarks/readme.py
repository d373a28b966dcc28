"""The table of speed in the README, made from kept answers as `RESULTS.md` is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import REPOSITORY
from benchmarks.results import Result
from benchmarks.tables import Cell, Unit, show

README = REPOSITORY / "README.md"
BEGIN = "<!-- made by python -m benchmarks --write: do not edit -->"
END = "<!-- end of what is made -->"
_SECONDS, _MEMORY = "seconds (least – greatest)", "peak memory"
_DAY = len("2026-01-01")


@dataclass(frozen=True, slots=True)
class _Race:
    """A row: one of our commands beside a peer's in the same run.

    Attributes:
        work: What is done.
        question: Where it was measured.
        table: Number of the table.
        ours: Its row of ours.
        peer: The peer's row.
        peer_name: As the README calls it.
    """

    work: str
    question: str
    table: int
    ours: str
    peer: str
    peer_name: str


_RACES = (
    _Race(
        "base + 0.3 · (sum of 8 task vectors)", "against_mergekit", 0, "taskvec edit",
        "mergekit 0.1.5, dtype: bfloat16", "mergekit 0.1.5",
    ),
    _Race(
        "the same, every element to the nearest", "against_mergekit", 0, "taskvec edit",
        "mergekit 0.1.5, dtype: float32, out_dtype: bfloat16", "mergekit 0.1.5 in float32",
    ),
    _Race(
        "TIES of 8, density 0.2", "against_mergekit", 1, "taskvec edit, TIES", "mergekit 0.1.5, ties, dtype: bfloat16",
        "mergekit 0.1.5",
    ),
    _Race(
        "8 task vectors → 4 atoms, certified", "against_dense_bases", 0, "taskvec compress",
        "in memory: autoencoder, as published", "the published way in memory",
    ),
    _Race("`--help`", "startup", 0, "taskvec --help", "mergekit-yaml --help", "mergekit 0.1.5"),
)  # fmt: skip


def speed_table(found: Mapping[str, Result]) -> str:
    """The table, and when and where its rows were measured.

    Args:
        found: Question → answer; races that were not run are left out.
    """
    races = [(race, found[race.question]) for race in _RACES if race.question in found]
    rows = [row for race, result in races if (row := _row(race, result))]
    head = "| | taskvec | peak memory | peer in the same run | its peak memory |\n|---|--:|--:|--:|--:|"
    return "\n".join([head, *rows, "", f"Measured {_circumstances(races)}."])


def _circumstances(races: Sequence[tuple[_Race, Result]]) -> str:
    """On which machine, when, and where there were several, which question."""
    asked: dict[str, dict[str, str]] = {}
    for _, result in races:
        machine = result.machine
        where = f"{machine.cpu}, {machine.cores} cores, {show(machine.memory_bytes, Unit.BYTES)}"
        asked.setdefault(where, {})[result.question] = result.date[:_DAY]
    said = []
    for where, dates in asked.items():
        what = f" ({', '.join(dates)})" if len(asked) > 1 else ""
        said.append(f"on {where}, {' and '.join(sorted(set(dates.values())))}{what}")
    return "; ".join(said)


def write_readme(found: Mapping[str, Result], readme: Path = README) -> None:
    """Put the table into the README, between its two marks.

    Args:
        found: Question → answer.
        readme: The file.
    """
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{speed_table(found)}\n{END}{after}", encoding="utf-8")


def _row(race: _Race, result: Result) -> str | None:
    ours, peer = (_figures(result, race.table, label) for label in (race.ours, race.peer))
    if ours is None or peer is None:
        return None
    return f"| {race.work} | {ours[0]} | {ours[1]} | {race.peer_name}: {peer[0]} | {peer[1]} |"


def _figures(result: Result, number: int, label: str) -> tuple[str, str] | None:
    """Seconds and peak memory of the row that begins with a label."""
    table = result.answer.tables[number]
    places = {column.name: place for place, column in enumerate(table.columns)}
    row = next((row for row in table.rows if row[0] == label), None)
    if row is None:
        return None
    return show(_median(row[places[_SECONDS]]), Unit.SECONDS), show(row[places[_MEMORY]], Unit.BYTES)


def _median(cell: Cell) -> Cell:
    return cell[0] if isinstance(cell, tuple) else cell
