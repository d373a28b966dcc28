"""Everything in the calling thread: the reference that the others are compared with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import ClassVar

from taskvec.streaming.executors.executor import Executor, Item, Outcome


class SerialExecutor(Executor):
    """One item after another, each when its result is asked for."""

    name: ClassVar[str] = "serial"

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Generator[Outcome]:  # noqa: ARG002
        """Yield ``task(item)`` for every item, in order."""
        yield from map(task, items)
