"""Where units run: an executor is a name and one method, ``run``, that yields results in the order of its items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar, TypeVar

from taskvec.errors import TaskvecError
from taskvec.registry import Registry

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_WINDOW = 3  # tasks under way or waiting per worker: enough that none idles, few enough that results stay few


class Executor(ABC):
    """Runs one function over many items.

    Attributes:
        name: How recipes and results spell the executor.
    """

    name: ClassVar[str]

    @abstractmethod
    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Iterator[Outcome]:
        """Yield ``task(item)`` for every item, in order; the first exception ends the run and is raised."""


class SerialExecutor(Executor):
    """Everything in the calling thread; the reference that the others are compared with."""

    name = "serial"

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Iterator[Outcome]:  # noqa: ARG002
        """Yield ``task(item)`` for every item, in order."""
        yield from map(task, items)


class ThreadExecutor(Executor):
    """A pool of threads; reads and kernels run without the interpreter lock."""

    name = "threads"

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Iterator[Outcome]:
        """Yield ``task(item)`` for every item, in order, with a bounded number under way."""
        pending: deque[Future[Outcome]] = deque()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="taskvec")
        try:
            for item in items:
                pending.append(pool.submit(task, item))
                if len(pending) >= _WINDOW * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


EXECUTORS: Registry[Executor] = Registry(
    "executor", TaskvecError, {executor.name: executor for executor in (SerialExecutor(), ThreadExecutor())}
)
