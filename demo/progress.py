"""Say what is going on: bars on a terminal, plain lines elsewhere; always on stderr."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
QUIET = 15.0  # seconds between plain lines


class Reporter:
    """Headings and progress of a run."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.started = monotonic()

    def heading(self, text: str) -> None:
        """One line that opens a step, with the time since the start."""
        passed = int(monotonic() - self.started)
        self.console.print(f"[dim]{passed // 60:2d}:{passed % 60:02d}[/dim] [bold]{text}[/bold]", soft_wrap=True)

    def note(self, text: str) -> None:
        """One line inside a step."""
        self.console.print(f"      {text}", markup=False, soft_wrap=True)

    def track(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        """Pass `items` on and show how many of `total` have gone by."""
        return self._bar(items, label, total) if self.console.is_terminal else self._lines(items, label, total)

    def _bar(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        columns = TextColumn("      {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield from progress.track(items, total=total, description=label)

    def _lines(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        said = monotonic()
        for done, item in enumerate(items):
            if monotonic() - said > QUIET:
                said = monotonic()
                self.note(f"{label}: {done} of {total}")
            yield item
