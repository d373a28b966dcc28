"""Kept answers as results of the library's own kind, and as the page that `taskvec report` would make of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmarks import tables
from benchmarks.results import Answer, Result, Target
from benchmarks.tables import Unit, show
from taskvec import results as kept
from taskvec.reports import report_page, write_page

_SPREAD = "the farthest that a run lay from the median"
_DATE = "%Y-%m-%dT%H:%M UTC"

_UNITS: dict[Unit, kept.Unit] = {
    Unit.TEXT: "text",
    Unit.COUNT: "number",  # counts may be means
    Unit.SECONDS: "seconds",
    Unit.TIMING: "seconds",
    Unit.BYTES: "bytes",
    Unit.RATIO: "number",
    Unit.FRACTION: "fraction",
    Unit.ERROR: "number",
}


def write_report(found: list[Result], page: Path) -> None:
    """Make one page of answers.

    Args:
        found: The answers.
        page: An HTML file.
    """
    write_page(page, report_page([as_result(result) for result in found]))


def as_result(found: Result) -> kept.Result:
    """An answer as a result; figures are drawn from its tables.

    Args:
        found: The answer.
    """
    machine, answer = found.machine, found.answer
    return kept.Result(
        name=found.question,
        title=found.title,
        question=answer.setup,
        answer=_verdict(answer),
        commands=(found.command,),
        date=datetime.strptime(found.date, _DATE).replace(tzinfo=UTC),
        seeds=(),
        settings={"commit": found.commit, **_others(found)},
        versions={"python": machine.python},
        machine=kept.Machine(
            cpu=machine.cpu, cores=machine.cores, memory_bytes=machine.memory_bytes, system=machine.kernel
        ),
        tables=(*map(_table, answer.tables), *([_promises(answer.targets)] if answer.targets else [])),
        notes=answer.notes,
    )


def _others(found: Result) -> dict[str, float]:
    """Return what else the machine did, by the name of how it was measured."""
    if found.others is None:
        return {"load before the run": found.load or 0.0}
    return {"share of other work before the run": found.others}


def _verdict(answer: Answer) -> str:
    promises = [target for target in answer.targets if not target.is_goal]
    missed = [target.shortfall for target in promises if not target.is_met]
    goals = [target.shortfall for target in answer.targets if target.is_goal and not target.is_met]
    if not promises:
        return "No target was set; the tables say what was measured."
    kept = "Every target was met."
    if missed:
        kept = f"{len(missed)} of {len(promises)} targets missed: {'; '.join(missed)}."
    return f"{kept} Hoped for beyond them and missed: {'; '.join(goals)}." if goals else kept


def _table(table: tables.Table) -> kept.Table:
    columns = tuple(
        kept.Column(name=f"{column.name} ({place})" if _is_repeated(table, column.name) else column.name, unit=unit)
        for place, column in enumerate(table.columns, 1)
        for unit in (_UNITS[column.unit],)
    )
    rows = tuple(
        tuple(_cell(cell, column.unit) for cell, column in zip(row, table.columns, strict=True)) for row in table.rows
    )
    return kept.Table(title=table.title, columns=columns, rows=rows, spread=_SPREAD)


def _is_repeated(table: tables.Table, name: str) -> bool:
    return [column.name for column in table.columns].count(name) > 1


def _cell(cell: tables.Cell, unit: Unit) -> kept.Cell:
    if unit is Unit.TEXT:
        return None if cell is None else str(cell)
    if isinstance(cell, tuple):
        median, least, greatest = cell
        return kept.Measured(value=median, spread=max(median - least, greatest - median))
    return cell


def _promises(targets: tuple[Target, ...]) -> kept.Table:
    columns = tuple(kept.Column(name=name) for name in ("promise", "measured", "wanted", "kept"))
    rows = tuple(
        (
            target.promise,
            show(target.measured, target.unit),
            f"{'≥' if target.at_least else '≤'} {show(target.limit, target.unit)}",
            "yes" if target.is_met else "goal, no" if target.is_goal else "no",
        )
        for target in targets
    )
    return kept.Table(title="Targets beside figures", columns=columns, rows=rows)
