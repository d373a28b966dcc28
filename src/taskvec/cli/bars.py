"""Progress in bytes on a terminal: one bar a pass."""

from __future__ import annotations

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

from taskvec.cli.progress import finished_text, resumed_text
from taskvec.streaming.events import BytesDone, Event, Listener, PassFinished, PassStarted, Resumed


@contextmanager
def bars(*, verbose: bool) -> Generator[Listener]:
    """Show a bar for every pass while the block runs.

    Args:
        verbose: Also print the seconds of each pass.

    Yields:
        What to give the engine as its listener.
    """
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, emoji=False, highlight=False),
        transient=True,
    ) as progress:
        yield _BarListener(progress, verbose)


class _BarListener:
    """One bar a pass."""

    def __init__(self, progress: Progress, verbose: bool) -> None:
        self._progress = progress
        self._verbose = verbose
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case PassStarted():
                self._tasks[event.label] = self._progress.add_task(event.label, total=event.total_bytes)
            case Resumed():
                self._progress.console.print(resumed_text(event))
                self._progress.advance(self._tasks[event.label], event.count)
            case BytesDone():
                self._progress.advance(self._tasks[event.label], event.count)
            case PassFinished():
                self._progress.remove_task(self._tasks.pop(event.label))
                if self._verbose:
                    self._progress.console.print(finished_text(event))
