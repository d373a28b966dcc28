"""What is made on ``docs/methods/bases.md``: the table of methods from their records, the figures from result files.

``make pages`` writes them.
The benchmarks ``which_basis`` and ``how_far_it_scales`` keep theirs in ``benchmarks/results``, the experiment with
vision fine-tunes in ``docs/evidence/vision.json``, which may not be there yet. All else is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS, circumstance
from benchmarks.results import Result as Answered
from benchmarks.results import load as load_answer
from benchmarks.tables import Cell, Table, Unit, show
from experiments.publishing import show_cell
from method_pages import option_row
from page_parts import put

from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.results import Result
from taskvec.results import Table as MeasuredTable

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "methods" / "bases.md"
EVIDENCE = REPOSITORY / "docs" / "evidence" / "vision.json"
VISION = "vision"
DEFAULT = "spectral"
FROM_BASES = ("Addition from a basis", "TIES over a basis", "Vectors recovered from a basis, one by one")
"""How the titles of the experiment's tables that are about bases begin."""

Row = Mapping[str, Any]

_HALF = 4
_WORDS = "error, worst, cosine"
_MIB = 1 << 20

SYNTHETIC = """\
`python -m benchmarks which_basis` made these tables ({date}; [all sizes, with
seconds](../../benchmarks/RESULTS.md#which_basis)). Synthetic families of eight vectors with norms from 0.5 to 1.5,
M = 4. *worst*: the largest error of one task; *cosine*: of the recovered sum with the sum.

Each cell: {words}. The bound of four atoms is {bounds}; of PCA's five stored vectors {pca_bounds}."""

ACCURACIES = """\
Eight fine-tunes of a vision transformer (those of `make demo`, {size:.0f} MiB in float32; cosines
are small and the spectrum is flat). *alone*: mean accuracy of the recovered vectors at λ = 1, each on its own task;
*least share*: the worst of these against its own fine-tune's; *added*: mean accuracy of base + 0.3·sum; *negated*: mean
accuracy of base − λ·τ̂ on the task of τ̂ (the less the better), *others*: of the same models on the other tasks, with
the largest λ at which these keep 95 % of the base's accuracy on validation pictures (arXiv 2212.04089). Test pictures,
384 of the task and 64 of every other beside a negation, one seed; the standard error of a mean is about .006. The base
has {base}."""

SAYS = """\
What this says:

- **Addition forgives.** Two atoms leave a relative error of {error_2}, and {worst_2} to the worst task; their sum is
  only {sum_gap:.1f} points behind that of six: the directions that tasks share survive. A vector *alone* loses more,
  {alone_loss:.1f} points of its {own_gain:.1f} above the base.
- **The trained encoder and the closed form reach the same error**; the closed form takes no training. PCA's fifth
  stored vector, the mean, buys it its lower error: its bound is that of five.
- **A subset keeps its members and forgets the others** (worst: {subset_worst}), and so does its sum (cosine
  {subset_cosine}): the least share is the lowest of all, and the sum is {subset_gap:.1f} points behind that of the
  eigenvectors.
- **Negation hurts most.** At the same accuracy on other tasks, a whole task vector takes {whole:.1f} points from its
  own task, six atoms take {six:.1f}, four {four:.1f}, two {two:.1f}, a subset of four {subset:.1f}: what is lost is
  each task's own, which is what negation is for. Keep the vectors that you mean to negate, or give them enough atoms
  (`--worst-task`).
- **int8** quarters the bytes of float32 atoms for an error in the fourth digit; no accuracy here differs by more than
  a thousandth.
- **`--normalize`** takes the worst task from {worst_4} to {fair_worst} for {fair_cost:.2f} of total error; accuracies
  stay within the noise, negation is {fair_negation:.1f} points better."""

SCALES = """\
In the page cache, whole processes ({before}): of {params:.0f} million weights G takes
{first:.0f} s for {few} vectors, nearly all of it start-up, and {last:.0f} s for {many}; {fit}. {atoms} atoms of
{many} vectors take {written:.0f} s. Memory is {memory} there, and {large} for fine-tunes of {billions}, of a limit of
{allowed} ([figures](../../benchmarks/RESULTS.md#how_far_it_scales))."""


JOINS = """\

Where {atoms} atoms are made from {fitted} of the vectors and the others projected (`--fit-on {fitted}`), everything
together takes {first:.1f} s for {few} vectors and {last:.1f} s for {many}: {fit}."""


def page() -> str:
    """The page with what is made put in its places."""
    text = put(PAGE.read_text(encoding="utf-8"), "the methods", "\n".join(methods()))
    basis, scale = load_answer(RESULTS, "which_basis"), load_answer(RESULTS, "how_far_it_scales")
    evidence = Result.load(EVIDENCE) if EVIDENCE.exists() else None
    if basis is not None:
        text = put(text, "what was measured", "\n\n".join(measured(basis, evidence)))
    if scale is not None:
        text = put(text, "how far it scales", scales(scale))
    return text


def methods() -> Iterator[str]:
    """The tables of methods and of their options."""
    yield "| method | atoms | coefficients | from |"
    yield "|---|---|---|---|"
    for one in BASIS_METHODS.values():
        name = f"`{one.name}`{' (default)' if one.name == DEFAULT else ''}"
        yield f"| {name} | {one.atoms} | {one.coefficients} | {one.paper} |"
    yield ""
    yield "`--option NAME=VALUE` sets:"
    yield ""
    yield "| method | option | default | range | |"
    yield "|---|---|---|---|---|"
    for one in BASIS_METHODS.values():
        yield from (f"| `{one.name}` {option_row(parameter)}" for parameter in one.parameters)


def measured(basis: Answered, evidence: Result | None) -> Iterator[str]:
    """The tables, and what they say.

    Args:
        basis: The answer of ``which_basis``.
        evidence: The result of the experiment, if it was run.
    """
    tables = {table.title: rows_of(table) for table in basis.answer.tables}
    vision = tables.pop(VISION, None)
    yield from _synthetic(tables, basis.date)
    if vision is not None:
        base = float(re.findall(r"mean accuracy of (\d\.\d+)", " ".join(basis.answer.notes))[0])
        yield ACCURACIES.format(size=vision[0]["bytes"] / _MIB, base=_short(base, 3))
        yield "\n".join(_accuracies(vision))
        yield SAYS.format(**figures(vision, base))
    if evidence is not None:
        yield from _seeds(evidence)
    more = "Collections of eighty: [eighty vectors](../evidence/repository.md)."
    yield f"Not measured here: {'' if evidence else 'other seeds, '}language models. {more}"


def figures(rows: list[Row], base: float) -> dict[str, Any]:
    """The figures of the sentences, from the table of the vision fine-tunes."""
    by = {(row["method"], row["M"]): row for row in rows}
    whole, two, four, six = by["none", 8], by["spectral", 2], by["spectral", _HALF], by["spectral", 6]
    subset, fair = by["subset, greedy", _HALF], by["spectral, normalized", _HALF]

    def points(high: float, low: float) -> float:
        return 100 * (high - low)

    return {
        "error_2": _short(two["error"]), "worst_2": _short(two["worst"]), "worst_4": _short(four["worst"]),
        "sum_gap": points(six["added"], two["added"]), "alone_loss": points(whole["alone"], two["alone"]),
        "own_gain": points(whole["alone"], base), "subset_worst": _short(subset["worst"]),
        "subset_cosine": _short(subset["cosine"]), "subset_gap": points(four["added"], subset["added"]),
        "whole": points(base, whole["negated"]), "six": points(base, six["negated"]),
        "four": points(base, four["negated"]), "two": points(base, two["negated"]),
        "subset": points(base, subset["negated"]), "fair_worst": _short(fair["worst"]),
        "fair_cost": fair["error"] - four["error"], "fair_negation": points(four["negated"], fair["negated"]),
    }  # fmt: skip


def scales(found: Answered) -> str:
    """The paragraph about time and memory."""
    growth, large = found.answer.tables
    rows, commands = rows_of(growth), rows_of(large)
    gram = [row for row in rows if row["what"] == "Gram matrix"]
    written = next(row for row in reversed(rows) if row["what"] == "atoms")
    (params, billions) = re.findall(r"([\d,]+) weights", found.answer.setup)
    fit = next(note.partition(": ")[2] for note in found.answer.notes if note.startswith("Gram matrix"))
    said = SCALES.format(
        before=circumstance(found), params=int(params.replace(",", "")) / 1e6,
        few=gram[0]["T"], first=gram[0]["seconds"],
        many=gram[-1]["T"], last=gram[-1]["seconds"], fit=fit.rstrip("."), atoms=written["T"] // 2,
        written=written["seconds"], memory=show(max(row["measured"] for row in rows), Unit.BYTES),
        large=show(max(row["measured"] for row in commands), Unit.BYTES),
        billions=f"{int(billions.replace(',', '')) / 1e9:.1f} billion weights",
        allowed=show(commands[0]["allowed"], Unit.BYTES),
    )  # fmt: skip
    return said + _joins(found, [row for row in rows if row["what"] == "atoms of some"])


def _joins(found: Answered, joined: list[Row]) -> str:
    """The sentence about the way that is linear in T, once it was measured."""
    if not joined:
        return ""
    (atoms, fitted) = re.findall(r"(\d+) atoms made from (\d+)", found.answer.setup)[0]
    fit = next(note.partition(": ")[2] for note in found.answer.notes if note.startswith("atoms of some"))
    return JOINS.format(
        atoms=atoms, fitted=fitted, few=joined[0]["T"], first=joined[0]["seconds"],
        many=joined[-1]["T"], last=joined[-1]["seconds"], fit=fit.rstrip("."),
    )  # fmt: skip


def rows_of(table: Table) -> list[Row]:
    """The rows of a kept table, by the names of its columns."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _synthetic(families: Mapping[str, list[Row]], date: str) -> Iterator[str]:
    by = {name: {row["method"]: row for row in rows if row["M"] == _HALF} for name, rows in families.items()}
    bounds, pca_bounds = (
        _listed([_short(rows[method]["bound"]) for rows in by.values()]) for method in ("spectral", "pca")
    )
    yield SYNTHETIC.format(date=date.partition("T")[0], words=_WORDS, bounds=bounds, pca_bounds=pca_bounds)
    lines = [_line(["method", "bytes", *by]), _line(["---", "--:", *("---" for _ in by)])]
    for method, first in next(iter(by.values())).items():
        cells = [", ".join(f"{rows[method][word]:.2f}" for word in _WORDS.split(", ")) for rows in by.values()]
        lines.append(_line([method, show(first["bytes"], Unit.BYTES), *cells]))
    yield "\n".join(lines)


def _accuracies(rows: list[Row]) -> Iterator[str]:
    errors, found = ("error", "bound", "worst", "cosine"), ("alone", "least share", "added", "negated", "others")
    yield _line(["method", "M", *errors, "MiB", *found])
    yield _line(["---", *["--:"] * 11])
    for row in rows:
        if row["alone"] is not None or row["M"] == _HALF:
            lost = (_short(row[name], 3 if name == "cosine" else 2) for name in errors)
            kept = (_short(row[name.removesuffix(" share")], 3) for name in found)
            yield _line([row["method"], f"{row['M']}", *lost, f"{row['bytes'] / _MIB:.0f}", *kept])


def _seeds(evidence: Result) -> Iterator[str]:
    tables = [table for title in FROM_BASES for table in evidence.tables if table.title.startswith(title)]
    said = (
        f"The experiment [{evidence.title}](../evidence/{evidence.name}.md) ({evidence.date:%Y-%m-%d}) adds from bases "
        "with λ chosen on validation pictures: the recovered vectors, and the atoms with weight 1."
    )
    yield " ".join([said, *_additions(_cells(tables[0]))])
    yield from map(_measured_table, tables)


def _additions(rows: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What both additions have from half as many atoms as vectors, where that was measured."""
    spectral, pca = (rows.get(f"{name}, M = {_HALF}") for name in ("spectral", "pca"))
    if spectral and pca:
        yield f"Four atoms of `spectral` keep {spectral['of full addition']} of full addition's accuracy, recovered."
        yield f"Their plain sum has {spectral['atoms']} in place of {spectral['recovered']};"
        yield f"that of `pca`, which leaves the mean out, {pca['atoms']} in place of {pca['recovered']}."


def _cells(table: MeasuredTable) -> dict[str, dict[str, str]]:
    """The first cell of each row → its cells as people read them, by the names of their columns."""
    names = [column.name for column in table.columns]
    shown = [[show_cell(cell, c.unit) for cell, c in zip(row, table.columns, strict=True)] for row in table.rows]
    return {row[0]: dict(zip(names, row, strict=True)) for row in shown}


def _measured_table(table: MeasuredTable) -> str:
    ruler = ["---" if column.unit == "text" else "--:" for column in table.columns]
    body = [list(row.values()) for row in _cells(table).values()]
    lines = "\n".join(map(_line, ([column.name for column in table.columns], ruler, *body)))
    meanings = [f"*{column.name}*: {column.meaning}" for column in table.columns if column.meaning]
    below = "; ".join([*([f"±: {table.spread}"] if table.spread else []), *meanings])
    return f"**{table.title}**\n\n{lines}" + (f"\n\n{below}." if below else "")


def _short(value: Cell, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}".removeprefix("0")


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
