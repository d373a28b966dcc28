"""Progress in bytes on a terminal, and the seconds of each pass for who asks."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from taskvec.cli.options import Running
from taskvec.streaming.events import BytesDone, Event, Listener, PassFinished, PassStarted, ignore


@contextmanager
def listening(how: Running) -> Generator[Listener]:
    """Show what the engine says while the block runs.

    Args:
        how: The options of the command.

    Yields:
        What to give the engine as its listener.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if sys.stderr.isatty() and not how.quiet:
        with _bars(console) as bars:
            yield _BarListener(bars, how.verbose)
    else:
        yield _log if how.verbose else ignore


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _finished(event: PassFinished) -> str:
    return f"{event.label}: {event.seconds:.2f} s"


def _log(event: Event) -> None:
    if isinstance(event, PassFinished):
        sys.stderr.write(_finished(event) + "\n")


class _BarListener:
    """One bar a pass."""

    def __init__(self, bars: Progress, verbose: bool) -> None:
        self._bars = bars
        self._verbose = verbose
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case PassStarted():
                self._tasks[event.label] = self._bars.add_task(event.label, total=event.total_bytes)
            case BytesDone():
                self._bars.advance(self._tasks[event.label], event.count)
            case PassFinished():
                self._bars.remove_task(self._tasks.pop(event.label))
                if self._verbose:
                    self._bars.console.print(_finished(event))
