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
from taskvec.streaming.events import BytesDone, Event, Listener, PassFinished, PassStarted, Resumed
from taskvec.streaming.memory import format_size


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
        yield _Log(how)


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


def _resumed(event: Resumed) -> str:
    return f"{event.label}: goes on from an interrupted run, {format_size(event.count)} of work are done already"


class _Log:
    """A line for what is worth one, where no bar can be drawn."""

    def __init__(self, how: Running) -> None:
        self._how = how

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed) and not self._how.quiet:
            sys.stderr.write(_resumed(event) + "\n")
        if isinstance(event, PassFinished) and self._how.verbose:
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
            case Resumed():
                self._bars.console.print(_resumed(event))
                self._bars.advance(self._tasks[event.label], event.count)
            case BytesDone():
                self._bars.advance(self._tasks[event.label], event.count)
            case PassFinished():
                self._bars.remove_task(self._tasks.pop(event.label))
                if self._verbose:
                    self._bars.console.print(_finished(event))
