"""The ``taskvec`` command: every verb, and nothing that is slow to import."""

from __future__ import annotations

import gc
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from taskvec._version import __version__
from taskvec.cli import (
    attribute,
    basis,
    compress,
    decompose,
    edit,
    extract_lora,
    inspect,
    merge,
    methods,
    publish,
    report,
    similarity,
    store,
)
from taskvec.cli.failures import end_gently
from taskvec.cli.help import HelpOption

_FEW_COLLECTIONS = (50_000, 20, 50)  # imports make many objects and no garbage

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(store.app, name="store")
app.add_typer(basis.app, name="basis")
for verb in (similarity, compress, decompose, attribute, edit, merge, extract_lora, methods, inspect, publish, report):
    app.add_typer(verb.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"taskvec {__version__}\n")
        raise typer.Exit


@app.callback()
def taskvec(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    help: HelpOption = False,
) -> None:
    """Task vectors as values: store, compare, compress, combine and put back what fine-tuning added to a model.

    REF is a folder as model hubs lay it out, or a .safetensors, .bin or .pt file. SIZE is written as 512MiB, 5GB or
    plain bytes. Exit status: 0 done, 1 refused or failed with one line on stderr, 2 wrong usage.
    """


def main() -> None:
    """Run the command line."""
    gc.set_threshold(*_FEW_COLLECTIONS)
    end_gently()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="taskvec")
