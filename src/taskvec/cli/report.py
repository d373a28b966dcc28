"""``taskvec report``: result files as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import PageOption, Reporting
from taskvec.cli.screen import show

app = typer.Typer()


@command(app, "report")
def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT", help="A result file, written as JSON.", show_default=False)
    ],
    out: PageOption,
    how: Reporting,
) -> None:
    """Make one page of result files.

    The page is one HTML file that asks no network for anything: tables that sort, figures, and for each result its
    recipe, seeds, fingerprints, versions and commands.

    With --json: out, results (name, title, answer), bytes.
    """
    from taskvec.reports import check_page, report_page, write_page
    from taskvec.results import Result

    check_page(out)
    loaded = [Result.load(path) for path in results]
    size = write_page(out, report_page(loaded))
    rows = [{"name": result.name, "title": result.title, "answer": result.answer} for result in loaded]
    show(
        how,
        {"out": str(out), "results": rows, "bytes": size},
        lambda: [*(f"{result.title}: {result.answer}" for result in loaded), f"written to {out}"],
    )
