"""The page of results: made from result files alone, each with all that is needed to judge it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from taskvec.errors import ReportError
from taskvec.reports.charts import cells_chart, lines_chart, points_chart
from taskvec.reports.page import Block, Details, Figure, Numbers, Page, Section, Words, render
from taskvec.reports.page.cells import shown
from taskvec.results import Column, Curves, Matrix, Measured, Result, Table


def report_page(results: Sequence[Result]) -> str:
    """Make a page of results.

    Args:
        results: One or more, in the order in which they appear.

    Returns:
        One HTML document that needs nothing else.

    Raises:
        ReportError: If there is no result.
    """
    if not results:
        raise ReportError("a report needs at least one result file")
    if len(results) == 1:
        (only,) = results
        found = replace(result_section(only, "result-1"), title="What was found")
        return render(Page(only.title, _when(only), (found,)))
    sections = [result_section(result, f"result-{number}") for number, result in enumerate(results, 1)]
    overview = Section("overview", "Overview", (Numbers(_overview(results)),))
    days = sorted({f"{result.date:%Y-%m-%d}" for result in results})
    return render(Page(f"{len(results)} results", " to ".join((days[0], days[-1])[: len(days)]), (overview, *sections)))


def _when(result: Result) -> str:
    seeds = f"seeds: {', '.join(map(str, result.seeds))}" if result.seeds else "nothing random"
    return f"{result.date:%Y-%m-%d} · {seeds}"


def result_section(result: Result, identity: str) -> Section:
    """Lay out one result.

    Args:
        result: The result.
        identity: What links go to.

    Returns:
        The section.
    """
    return Section(identity, result.title, tuple(_blocks(result)))


def _blocks(result: Result) -> Iterator[Block]:
    yield from (Words(part, "answer") for part in _paragraphs(result.answer))
    yield Words(result.question)
    yield from (Words(note, "note") for note in result.notes)
    for table in result.tables:
        if table.is_drawn and table.rows:
            yield Figure(points_chart(table), _about_spread(table.spread))
        yield Numbers(table)
    yield from (Figure(lines_chart(found), _about_spread(found.spread), curves_table(found)) for found in result.curves)
    yield from (Figure(cells_chart(found), "", matrix_table(found)) for found in result.matrices)
    if result.controls:
        yield Numbers(_controls(result))
    yield _recipe(result)
    yield _circumstances(result)


def _paragraphs(text: str) -> list[str]:
    """Cut a text at its empty lines."""
    return [part for part in re.split(r"\n\s*\n", text) if part.strip()] or [text]


def _about_spread(spread: str) -> str:
    return f"Lines and bands: ± {spread}." if spread else ""


def curves_table(curves: Curves) -> Table:
    """Return the numbers of curves as a table: a row for each point."""
    columns = (
        Column(name="line"),
        Column(name=curves.x.name, unit=curves.x.unit),
        Column(
            name=curves.y.name if curves.y.name != curves.x.name else f"{curves.y.name} (value)", unit=curves.y.unit
        ),
    )
    rows = []
    for line in curves.series:
        spreads = line.spread or (None,) * len(line.x)
        for x, y, spread in zip(line.x, line.y, spreads, strict=True):
            rows.append((line.name, x, Measured(value=y, spread=spread, n=line.n)))
    return Table(title=curves.title, columns=columns, rows=tuple(rows), spread=curves.spread)


def matrix_table(matrix: Matrix) -> Table:
    """Return a matrix as a table; columns with one name are told apart by their numbers."""
    names = [
        name if matrix.columns.count(name) == 1 and name != matrix.row_name else f"{name} ({place})"
        for place, name in enumerate(matrix.columns, 1)
    ]
    columns = (Column(name=matrix.row_name), *(Column(name=name, unit=matrix.unit) for name in names))
    spreads = matrix.spreads or ((None,) * len(matrix.columns),) * len(matrix.rows)
    rows = tuple(
        (name, *(None if v is None else Measured(value=v, spread=s) for v, s in zip(values, spread, strict=True)))
        for name, values, spread in zip(matrix.rows, matrix.values, spreads, strict=True)
    )
    return Table(title=matrix.title, columns=columns, rows=rows, spread=matrix.spread)


def _controls(result: Result) -> Table:
    columns = (Column(name="control"), Column(name="expected"), Column(name="found"))
    rows = tuple((control.name, control.expected, control.found) for control in result.controls)
    return Table(title="Controls", columns=columns, rows=rows)


def _overview(results: Sequence[Result]) -> Table:
    columns = (Column(name="result"), Column(name="found"), Column(name="seeds", unit="count"), Column(name="date"))
    rows = tuple((r.title, _paragraphs(r.answer)[0], len(r.seeds), f"{r.date:%Y-%m-%d}") for r in results)
    return Table(title="Results", columns=columns, rows=rows)


def _recipe(result: Result) -> Details:
    code = [("Recipe", result.recipe)] if result.recipe else []
    code += [("Commands", "\n".join(result.commands))] if result.commands else []
    settings = tuple((name, str(value)) for name, value in result.settings.items())
    seeds = ", ".join(map(str, result.seeds)) or "none: nothing is random"
    return Details("Recipe, seeds and commands", (("Seeds", seeds), *settings), tuple(code))


def _circumstances(result: Result) -> Details:
    machine = result.machine
    where = f"{machine.cpu}, {machine.cores} cores, {shown(machine.memory_bytes, 'bytes')}, {machine.system}"
    pairs = [("Date", f"{result.date:%Y-%m-%d %H:%M %Z}"), ("Machine", where)]
    pairs += [(step, shown(seconds, "seconds")) for step, seconds in result.seconds.items()]
    pairs += [(f"Version of {name}", version) for name, version in result.versions.items()]
    pairs += [(f"Fingerprint of {item.name} ({item.ref})", item.fingerprint) for item in result.inputs]
    return Details("Fingerprints, versions, machine and seconds", tuple(pairs))
