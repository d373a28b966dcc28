"""Pages and pictures of results, made from the JSON alone, so that they say nothing that was not measured."""

import re
from collections.abc import Iterator
from pathlib import Path

from experiments.errors import ExperimentError
from taskvec import Store
from taskvec.reports import Chart, cells_chart, lines_chart, points_chart, report_page, store_page, write_page
from taskvec.results import Cell, Measured, Result, Table, Unit

IMAGES = "images"


def publish(result: Result, folder: Path) -> None:
    """Write `NAME.json`, the pictures and the page `NAME.md` into a folder.

    Args:
        result: What was found.
        folder: Made if it is missing.
    """
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    result.save(folder / f"{result.name}.json")
    render(folder / f"{result.name}.json")


def render(file: Path) -> None:
    """Make pictures and page anew from a result file.

    Args:
        file: The JSON.
    """
    result = Result.load(file)
    (file.parent / IMAGES).mkdir(exist_ok=True)
    for name, chart in charts(result).items():
        chart.save(file.parent / IMAGES / name)
    (file.parent / f"{result.name}.md").write_text(page(result, samples(file.parent, result)), encoding="utf-8")


def render_all(folder: Path) -> list[Path]:
    """Render every result file of a folder, and return them."""
    files = _results(folder)
    for file in files:
        render(file)
    return files


def report(folder: Path, out: Path) -> Path:
    """Make one page to open, with figures that answer to the mouse, of every result file of a folder.

    Args:
        folder: Where the results are.
        out: The page, replaced if it is there; its folder is made if it is missing.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, report_page([Result.load(file) for file in _results(folder)]))
    return out


def store_page_of(cache: Path, out: Path) -> Path | None:
    """Make a page to open of the store that an experiment made last: what is in it, and how alike.

    Args:
        cache: What the experiment keeps.
        out: The page, replaced if it is there; its folder is made if it is missing.

    Returns:
        The page; None where the experiment keeps no store.
    """
    made = [*cache.glob("store-*/store.json"), *cache.glob("store-*/store/store.json")]
    stores = [file.parent for file in sorted(made, key=lambda file: file.stat().st_mtime)]
    if not stores:
        return None
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, store_page(Store(stores[-1])))
    return out


def _results(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ExperimentError(f"{folder}: holds no results; run: make experiments")
    return files


def samples(folder: Path, result: Result) -> list[str]:
    """Pictures that an experiment left beside its result, `images/NAME-samples-WHAT.png`, in order of name."""
    return sorted(path.name for path in (folder / IMAGES).glob(f"{result.name}-samples-*.png"))


def charts(result: Result) -> dict[str, Chart]:
    """File name → picture, of all that a result has to be drawn."""
    drawn = {table.title: points_chart(table) for table in result.tables if table.is_drawn}
    drawn |= {curves.title: lines_chart(curves) for curves in result.curves}
    drawn |= {matrix.title: cells_chart(matrix) for matrix in result.matrices}
    return {_image(result, title): chart for title, chart in drawn.items()}


def _image(result: Result, title: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return f"{result.name}-{words}.svg"


def page(result: Result, sample_images: list[str] | None = None) -> str:
    """The page of a result.

    Args:
        result: What was found.
        sample_images: File names of pictures beside it.
    """
    return "\n\n".join(_parts(result, sample_images or [])) + "\n"


def _parts(result: Result, sample_images: list[str]) -> Iterator[str]:
    yield f"# {result.title}"
    yield f"*Made from `{result.name}.json` by `python -m experiments --write`; do not edit it.*"
    yield f"**Question.** {result.question}"
    yield f"**Answer.** {result.answer}"
    yield from (f"![{_words(name)}]({IMAGES}/{name})" for name in sample_images)
    for table in result.tables:
        yield _table(table)
        if table.is_drawn:
            yield _figure(result, table.title)
    for figure in (*result.curves, *result.matrices):
        yield f"**{figure.title}**"
        yield _figure(result, figure.title)
        if figure.spread:
            yield f"Spread: {figure.spread}."
    if result.controls:
        yield "## Controls"
        yield "\n".join(
            f"- **{control.name}.** Expected: {control.expected}. Found: {control.found}."
            for control in result.controls
        )
    if result.notes:
        yield "## Notes"
        yield "\n".join(f"- {note}" for note in result.notes)
    yield from _circumstances(result)


def _words(name: str) -> str:
    return Path(name).stem.partition("-samples-")[2].replace("-", " ")


def _figure(result: Result, title: str) -> str:
    return f"![{title}]({IMAGES}/{_image(result, title)})"


def _circumstances(result: Result) -> Iterator[str]:
    yield "## How"
    if result.recipe:
        yield f"```\n{result.recipe.strip()}\n```"
    if result.commands:
        yield "```\n" + "\n".join(result.commands) + "\n```"
    if result.settings:
        yield "Settings: " + ", ".join(f"{name} {value}" for name, value in result.settings.items()) + "."
    machine = result.machine
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    seconds = ", ".join(f"{name} {value:,.0f} s" for name, value in result.seconds.items())
    seeds = f"Seeds {', '.join(map(str, result.seeds))}. " if result.seeds else ""
    memory = show(machine.memory_bytes, "bytes")
    yield f"{seeds}{result.date:%Y-%m-%d}, {machine.cpu}, {machine.cores} cores, {memory}; {versions}."
    if seconds:
        yield f"Computed in: {seconds}."


def _table(table: Table) -> str:
    ruler = ["---" if column.unit == "text" else "--:" for column in table.columns]
    head = [column.name for column in table.columns]
    body = [[show_cell(cell, c.unit) for cell, c in zip(row, table.columns, strict=True)] for row in table.rows]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in (head, ruler, *body))
    meanings = "; ".join(f"{column.name}: {column.meaning}" for column in table.columns if column.meaning)
    below = ". ".join(part for part in (f"±: {table.spread}" if table.spread else "", meanings) if part)
    return f"**{table.title}**\n\n{lines}" + (f"\n\n{below}." if below else "")


def show_cell(cell: Cell, unit: Unit) -> str:
    """A value as people read it, with its spread."""
    if not isinstance(cell, Measured) or cell.spread is None:
        return show(cell, unit)
    is_seen = cell.spread > _LEAST_SPREAD * abs(cell.value)
    return f"{show(cell.value, unit)} ± {show(cell.spread if is_seen else 0.0, unit)}"


def show(value: Cell, unit: Unit) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value.replace("|", "\\|")
    number = value.value if isinstance(value, Measured) else value
    if unit == "bytes":
        return next(f"{number / 1024**k:.3g} {name}" for k, name in _SIZES if abs(number) < 1024 ** (k + 1) or k == 4)
    return {
        "fraction": f"{round(100 * number, 1) + 0.0:.1f} %",
        "count": f"{number:,.0f}",
        "seconds": f"{number:.3g} s",
    }.get(unit, f"{number:.3g}")


_LEAST_SPREAD = 1e-4  # of the value: below it is rounding
_SIZES = tuple(enumerate(("B", "KiB", "MiB", "GiB", "TiB")))
