"""What a failed command says and how it exits: one line, and 1; 130 when interrupted."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import typer

from taskvec.cli.printable import printable
from taskvec.errors import TaskvecError

FAILED = 1
INTERRUPTED = 130


@contextmanager
def one_line_errors(*, verbose: bool) -> Generator[None]:
    """Turn whatever goes wrong inside into one ``error: …`` line on stderr and an exit status.

    Wrong usage passes through: the parser reports it, with status 2.

    Args:
        verbose: Show the traceback of an error that nobody foresaw.

    Raises:
        typer.Exit: With the status.
        typer.BadParameter: As it came.
    """
    try:
        yield
    except (typer.Exit, typer.BadParameter):
        raise
    except TaskvecError as error:
        _fail(str(error), notes=getattr(error, "__notes__", []))
    except KeyboardInterrupt:
        _fail("interrupted", status=INTERRUPTED)
    except BrokenPipeError:
        _leave_pipe()
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", trace=verbose)
    except Exception as error:
        hint = "" if verbose else " (run again with -v for the traceback)"
        _fail(f"internal: {type(error).__name__}: {error}{hint}", trace=verbose)


def end_gently() -> None:
    """Let SIGTERM and Ctrl-C end the process in the same way, once: a second one must not disturb its leaving."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell's background jobs are started deaf to it
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _fail(message: str, *, notes: list[str] | None = None, status: int = FAILED, trace: bool = False) -> NoReturn:
    if trace:
        traceback.print_exc(file=sys.stderr)
    sys.stderr.write(f"error: {printable(message)}\n")
    if sys.stderr.isatty():
        sys.stderr.writelines(f"{note}\n" for note in notes or [])
    raise typer.Exit(status) from None


def _leave_pipe() -> NoReturn:
    """Exit without a word: the reader of stdout has gone, and nothing must be flushed into the pipe again.

    Raises:
        typer.Exit: With the status of a failure.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(FAILED) from None
