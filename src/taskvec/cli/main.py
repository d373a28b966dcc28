"""The ``taskvec`` command: the verb that is asked for or every verb, and nothing that is slow to import."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

from taskvec._version import __version__
from taskvec.cli.failures import end_gently
from taskvec.cli.help import HelpOption

_GROUPS = ("store", "basis")
_VERBS = (
    *_GROUPS,
    "similarity",
    "compress",
    "decompose",
    "attribute",
    "edit",
    "merge",
    "extract-lora",
    "methods",
    "inspect",
    "publish",
    "report",
)
_FEW_COLLECTIONS = (300_000, 20, 50)  # imports make many objects and no garbage


def command_line(verbs: Sequence[str] = _VERBS) -> typer.Typer:
    """Return the parser of some verbs: whoever names one need not wait for the others.

    Args:
        verbs: Which; all if not given.

    Returns:
        The parser.
    """
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(taskvec)
    for verb in verbs:
        module = import_module(f"taskvec.cli.{verb.replace('-', '_')}")
        app.add_typer(module.app, name=verb if verb in _GROUPS else None)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"taskvec {__version__}\n")
        raise typer.Exit


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
    asked = sys.argv[1:2]
    try:
        command_line(asked if asked and asked[0] in _VERBS else _VERBS)(prog_name="taskvec")
    finally:
        gc.freeze()  # what is left goes with the process: looking through all of it for garbage takes longer
