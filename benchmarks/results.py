"""What a question found, with all that is needed to judge it, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.machine import Machine
from benchmarks.measuring import Run
from benchmarks.tables import Table, Unit, show

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Target:
    """Something promised, and what was measured.

    Attributes:
        promise: In words, such as "linear edit: at most 2 × floor + 0.8 s".
        measured: The figure.
        limit: What it is held against.
        unit: Of both.
        at_least: Whether the figure should be above the limit and not below it.
        is_goal: Whether it is hoped for beyond what is promised.
    """

    promise: str
    measured: float
    limit: float
    unit: Unit
    at_least: bool = False
    is_goal: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps the promise."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def shortfall(self) -> str:
        """In words, by how much the figure misses."""
        bound = "at least" if self.at_least else "at most"
        found, limit = show(self.measured, self.unit), show(self.limit, self.unit)
        return f"{self.promise}: measured {found}, wanted {bound} {limit}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found.

    Attributes:
        setup: One paragraph: what was measured, on what.
        tables: The figures.
        targets: The promises that they bear on.
        notes: What a reader must know beside: rows that were left out, and why.
        runs: Every measured run by label.
    """

    setup: str
    tables: tuple[Table, ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...]
    runs: Mapping[str, tuple[Run, ...]]


@dataclass(frozen=True, slots=True)
class Result:
    """An answer with the circumstances.

    Attributes:
        question: Name of the question's file.
        title: The question in words.
        command: What asks it again.
        date: When it was asked, UTC.
        commit: Of this repository.
        machine: Where.
        answer: What was found.
        others: The share of all processors that other work took right before; None where that was not measured yet.
        load: In its place, processes that wanted a processor in the minute before, those of the question before too.
    """

    question: str
    title: str
    command: str
    date: str
    commit: str
    machine: Machine
    answer: Answer
    others: float | None = None
    load: float | None = None


_RESULT = TypeAdapter(Result)


def circumstance(result: Result) -> str:
    """Say what else the machine did before a question was asked."""
    if result.others is None:
        return f"load {result.load or 0.0:.1f} before the run"
    return f"other work took {show(result.others, Unit.FRACTION)} of the processors before the run"


def save(result: Result, folder: Path) -> Path:
    """Write a result, replacing an older one."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.question}.json"
    file.write_bytes(_RESULT.dump_json(result, indent=1) + b"\n")
    return file


def load(folder: Path, question: str) -> Result | None:
    """Read a result, if there is one."""
    file = folder / f"{question}.json"
    return _RESULT.validate_json(file.read_bytes()) if file.exists() else None
