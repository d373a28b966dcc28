"""What the engine says while it works: bars on a terminal, else a line for what is worth one."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from taskvec.cli.options import Running
from taskvec.streaming.events import Event, Listener, PassFinished, Resumed
from taskvec.streaming.memory import format_size


@contextmanager
def listening(how: Running) -> Generator[Listener]:
    """Show what the engine says while the block runs.

    Args:
        how: The options of the command.

    Yields:
        What to give the engine as its listener.
    """
    if sys.stderr.isatty() and not how.quiet:
        from taskvec.cli.bars import bars

        with bars(verbose=how.verbose) as listener:
            yield listener
    else:
        yield _Log(how)


def finished_text(event: PassFinished) -> str:
    """Say how long a pass took."""
    return f"{event.label}: {event.seconds:.2f} s"


def resumed_text(event: Resumed) -> str:
    """Say what an interrupted run has left to go on from."""
    return f"{event.label}: goes on from an interrupted run, {format_size(event.count)} of work are done already"


class _Log:
    """A line for what is worth one, where no bar can be drawn."""

    def __init__(self, how: Running) -> None:
        self._how = how

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed) and not self._how.quiet:
            sys.stderr.write(resumed_text(event) + "\n")
        if isinstance(event, PassFinished) and self._how.verbose:
            sys.stderr.write(finished_text(event) + "\n")
