"""The ``--help`` of a group of commands.

The parser's own makes every ``taskvec VERB --help`` import pydantic, only to learn that the group's ``--help`` was not
asked for; this one is a plain flag, and takes its place.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def _show(context: typer.Context, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit


HelpOption = Annotated[bool, typer.Option("--help", callback=_show, is_eager=True, help="Show this message and exit.")]
