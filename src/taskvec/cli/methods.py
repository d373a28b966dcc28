"""``taskvec methods``: every method with its options and its paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import Reporting
from taskvec.cli.screen import show

if TYPE_CHECKING:
    from taskvec.linalg.encoders import Method

app = typer.Typer()


@command(app, "methods")
def methods(how: Reporting) -> None:
    """List the methods of compress, with their options and papers.

    With --json: methods (name, summary, paper, options by name with their defaults).
    """
    from taskvec.linalg.encoders import METHODS

    rows = [_row(method) for method in METHODS.values()]
    show(how, {"methods": rows}, lambda: _lines(rows))


def _row(method: Method) -> dict[str, Any]:
    options = dataclasses.asdict(method.options())
    return {"name": method.name, "summary": method.summary, "paper": method.paper, "options": options}


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['name']:<12} {row['summary']} ({row['paper']})"
        if row["options"]:
            yield " " * 13 + " ".join(f"{name}={value}" for name, value in row["options"].items())
