"""What was measured of a merge method, as its page says it: by the benchmark of recipes, by the experiment on pictures.

Nothing is said of what was not asked yet; of a method that was left out when others were asked, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import RESULTS, load
from experiments.publishing import show
from experiments.setting import EVIDENCE
from experiments.vision.by_method import ACCURACY, BASE, OWN, Found, by_method, merges_table, rows_of

from taskvec.methods import Method
from taskvec.results import Cell, Measured, Result, Table, Unit

BENCHMARK = "recipes_against_mergekit"
EXPERIMENT = "vision"
NOT_TIMED = "No benchmark has timed it here."
NOT_TRIED = "No experiment has measured here what it does to accuracy."
_NONE = "–"
MEAN = "linear"
"""A method that is task arithmetic with a λ of its own."""


def notes(method: Method, benchmarks: Path = RESULTS, evidence: Path = EVIDENCE) -> Iterator[str]:
    """The lines of a page about what was measured; none where nothing was asked.

    Args:
        method: The method.
        benchmarks: Where the results of benchmarks are.
        evidence: Where the results of experiments are.
    """
    paragraphs = [text for text in (_accuracy(method, evidence), _cost(method, benchmarks)) if text]
    if paragraphs:
        yield "## Measured"
        yield ""
    for text in paragraphs:
        yield text
        yield ""


def _accuracy(method: Method, folder: Path) -> str:
    file = folder / f"{EXPERIMENT}.json"
    if not file.exists():
        return ""
    result = Result.load(file)
    found = by_method(result)
    if method.name == MEAN and method.name not in found:
        return f"The mean of T models is task_arithmetic with λ = 1/T. {_said(found['task_arithmetic'], result)}"
    return _said(found[method.name], result) if method.name in found else NOT_TRIED


def _said(found: Found, result: Result) -> str:
    table = merges_table(result)
    rows = rows_of(table)
    base, own = (_cell(rows[name][ACCURACY], "fraction") for name in (BASE, OWN))
    gain = "" if found.gain is None else f", {_signed(found.gain)} points against task arithmetic"
    options = "".join(f"`{option}`, " for option in found.options)
    return (
        f"{table.title}: {_cell(found.accuracy, 'fraction')} mean test accuracy{gain}, with {options}"
        f"λ = {_cell(found.scaling, 'number')} by validation; the base has {base}, the single fine-tunes {own} on "
        f"their own tasks ({_seeds(found, table)}). All of it: [{result.title}](../evidence/{result.name}.md)."
    )


def _seeds(found: Found, table: Table) -> str:
    number = found.accuracy.n if isinstance(found.accuracy, Measured) else None
    return f"±: {table.spread}, {number} of them" if number and number > 1 else "of one seed"


def _cell(cell: Cell, unit: Unit) -> str:
    spread = f" ± {show(cell.spread, unit)}" if isinstance(cell, Measured) and cell.spread is not None else ""
    return f"{show(cell, unit)}{spread}"


def _signed(cell: Cell) -> str:
    if not isinstance(cell, Measured):
        return _cell(cell, "number")
    spread = "" if cell.spread is None else f" ± {cell.spread:.1f}"
    return f"{cell.value:+.1f}{spread}"


def _cost(method: Method, folder: Path) -> str:
    kept = load(folder, BENCHMARK)
    if kept is None:
        return ""
    rows = kept.answer.tables[0].formatted()[1:]
    found = next((row for row in rows if row[0] == method.name), None)
    if found is None:
        return NOT_TIMED
    _, seconds, memory, theirs, times, their_memory, wrong, theirs_wrong = found
    peer = f"; mergekit 0.1.5 with the same file: {_median(theirs)} s ({times} ×) and {their_memory}"
    of_peer = f", mergekit's {theirs_wrong}"
    return (
        f"`taskvec merge` of a mergekit recipe: {_median(seconds)} s and {memory}{'' if theirs == _NONE else peer}. "
        f"Elements that are not the bfloat16 nearest to the definition: {wrong}"
        f"{'' if theirs_wrong == _NONE else of_peer}. On what, and how: "
        f"[RESULTS.md](../../benchmarks/RESULTS.md#{BENCHMARK})."
    )


def _median(timing: str) -> str:
    return timing.partition(" ")[0]
