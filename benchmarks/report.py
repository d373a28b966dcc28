"""The page that people read: made from the JSON alone, so that it says nothing that was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.results import Result, Target, circumstance
from benchmarks.tables import Column, Table, Unit, markdown, show

BUSY = 0.1
"""The share of all processors that other work takes: above this, figures are of a busy machine."""

LOADED = 0.5
"""Processes that want a processor, for every one that there is: above this, an old figure may be of a busy machine."""

HEAD = """# Benchmarks

What was measured, beside what was promised. This page is made from the JSON in `results/` by
`python -m benchmarks --write`; do not edit it. `make bench` asks all questions again, `python -m benchmarks QUESTION`
asks one. Models are made from a seed and kept in the user's cache directory, as is the peer's environment. Every
command is measured in turn with what it is compared with; a time is the median of the whole process, with the least
and the greatest.
"""


def page(results: Sequence[Result]) -> str:
    """The whole page.

    Args:
        results: In the order in which they appear.

    Returns:
        Markdown.
    """
    parts = [HEAD.rstrip(), *_summary(results)]
    for result in results:
        parts += _section(result)
    return "\n\n".join(parts) + "\n"


def _summary(results: Sequence[Result]) -> Iterator[str]:
    columns = (Column("question"), Column("promise"), Column("measured"), Column("wanted"), Column("kept"))
    rows = [_promise(result, target) for result in results for target in result.answer.targets]
    yield "## Promises"
    yield markdown(Table("Targets beside figures", columns, tuple(rows)))
    yield "## What falls short"
    busy = [f"`{result.question}`" for result in results if _is_busy(result)]
    if busy:
        yield f"The machine was busy with other work when these were asked, which costs time: {', '.join(busy)}."
    loaded = [f"`{result.question}`" for result in results if _may_be_busy(result)]
    if loaded:
        yield (
            "The machine had work in the minute before these were asked, others' or that of the question before, which "
            f"were not told apart then: {', '.join(loaded)}."
        )
    yield _bullets(_shortfalls(results)) or "Nothing: every target was met."


def _promise(result: Result, target: Target) -> tuple[str, str, str, str, str]:
    wanted = f"{'≥' if target.at_least else '≤'} {show(target.limit, target.unit)}"
    kept = "yes" if target.is_met else "goal, no" if target.is_goal else "**no**"
    link = f"[{result.question}](#{result.question})"
    return link, target.promise, show(target.measured, target.unit), wanted, kept


def _shortfalls(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        for target in result.answer.targets:
            if not target.is_met:
                kind = "the goal beyond the target, " if target.is_goal else ""
                yield f"`{result.question}`: {kind}{target.shortfall}."


def _section(result: Result) -> Iterator[str]:
    answer = result.answer
    yield f'<a id="{result.question}"></a>\n\n## {result.title}'
    yield answer.setup
    yield f"![{result.title}](results/{result.question}.svg)"
    yield from map(markdown, answer.tables)
    notes = _bullets(answer.notes)
    if notes:
        yield notes
    yield _circumstances(result)


def _circumstances(result: Result) -> str:
    machine = result.machine
    busy = ": the machine was busy, take times with care" if _is_busy(result) else ""
    busy = ", perhaps of the question before: take times with care" if _may_be_busy(result) else busy
    size = show(machine.memory_bytes, Unit.BYTES)
    where = f"{machine.cpu}, {machine.cores} cores, {size}, {machine.kernel}, Python {machine.python}"
    return f"`{result.command}` · {result.date} · commit {result.commit} · {where} · {circumstance(result)}{busy}."


def _is_busy(result: Result) -> bool:
    return result.others is not None and result.others > BUSY


def _may_be_busy(result: Result) -> bool:
    """Say of an old result, which knows the load alone, whether anything ran before it."""
    return result.others is None and (result.load or 0.0) > LOADED * result.machine.cores


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
