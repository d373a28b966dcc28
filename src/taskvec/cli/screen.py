"""Where a command speaks: its result on stdout, as text or JSON, and everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from taskvec.cli.options import Reporting, Running
from taskvec.cli.plain import to_json_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from taskvec.streaming.plan import Plan, RunOptions

Lines = Iterable["str | Table"]
Outcome = TypeVar("Outcome")

_PIPE_WIDTH = 10_000  # a table in a file or a pipe is never cut


def show(how: Reporting, data: Mapping[str, Any], text: Callable[[], Lines]) -> None:
    """Print a result.

    Args:
        how: As text, as JSON, or not at all.
        data: The result as plain data.
        text: Makes the result as a person reads it, where that is asked for.
    """
    if how.json:
        sys.stdout.write(to_json_line(data) + "\n")
    elif not how.quiet:
        _write(_console(sys.stdout.isatty()), text())
    sys.stdout.flush()


class Run:
    """The run of a command that touches weights: plans or works, shows progress, prints the result.

    Attributes:
        how: The options of the command.
        options: The same as the engine takes it, with a listener that shows progress.
    """

    options: RunOptions

    def __init__(self, how: Running) -> None:
        self.how = how
        self._progress = ExitStack()

    def __enter__(self) -> Self:
        from taskvec.cli.progress import listening

        listener = self._progress.enter_context(listening(self.how))
        self.options = self.how.run_options(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()

    def carry_out(
        self,
        plan: Callable[[], Plan],
        work: Callable[[], Outcome],
        data: Callable[[Outcome], Mapping[str, Any]],
        text: Callable[[Outcome], Lines],
        notes: Callable[[Outcome], Iterable[str]] = lambda _: (),
    ) -> Outcome | None:
        """Do the work and print its result, or print its plan where only that is asked for.

        Args:
            plan: Makes the plan.
            work: Does the work.
            data: Turns the outcome into plain data.
            text: Turns the outcome into text.
            notes: What should be said of the outcome on stderr; with JSON, it is for the data to say.

        Returns:
            The outcome; None after a dry run.
        """
        if self.how.dry_run:
            planned = plan()
            show(self.how, {"plan": planned.to_json()}, lambda: _plan_text(planned))
            return None
        if self.how.verbose:
            _write(_console(sys.stderr.isatty(), stderr=True), _plan_text(plan()))
        outcome = work()
        self._progress.close()
        if not self.how.quiet and not self.how.json:
            _write(_console(sys.stderr.isatty(), stderr=True), [f"note: {note}" for note in notes(outcome)])
        show(self.how, data(outcome), lambda: text(outcome))
        return outcome


def _plan_text(plan: Plan) -> Lines:
    from taskvec.cli.plan_text import plan_text

    return plan_text(plan)


def _console(is_terminal: bool, *, stderr: bool = False) -> Console:
    from rich.console import Console

    width = None if is_terminal else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def _write(console: Console, lines: Lines) -> None:
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str))
