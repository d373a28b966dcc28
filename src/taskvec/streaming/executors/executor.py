"""What every executor is, and results in the order of their items with a bounded number under way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from typing import ClassVar, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_WINDOW = 3  # tasks under way or waiting per worker: enough that none idles, few enough that results stay few


class Executor(ABC):
    """Runs one function over many items.

    Attributes:
        name: How recipes and results spell the executor.
        worker_bytes: What a worker holds before it does anything, beside what this process holds.
        is_elsewhere: Whether workers have memory of their own: the function, items and outcomes are sent, as values.
    """

    name: ClassVar[str]
    worker_bytes: ClassVar[int] = 0
    is_elsewhere: ClassVar[bool] = False

    @abstractmethod
    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Generator[Outcome]:
        """Yield ``task(item)`` for every item, in order; the first exception ends the run and is raised."""


def in_order(submit: Callable[[Item], Future[Outcome]], items: Iterable[Item], workers: int) -> Generator[Outcome]:
    """Yield outcomes in the order of their items; when it is over, nothing runs on.

    Args:
        submit: Gives an item to a pool.
        items: The items.
        workers: How many work at once.

    Yields:
        The outcomes.
    """
    pending: deque[Future[Outcome]] = deque()
    try:
        for item in items:
            pending.append(submit(item))
            if len(pending) >= _WINDOW * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        wait(pending)
