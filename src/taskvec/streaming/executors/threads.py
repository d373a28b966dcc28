"""A pool of threads; reads and kernels run without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from taskvec.streaming.executors.executor import Executor, Item, Outcome, in_order


class ThreadExecutor(Executor):
    """Workers that share this process's memory."""

    name: ClassVar[str] = "threads"

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Generator[Outcome]:
        """Yield ``task(item)`` for every item, in order, with a bounded number under way."""
        with ThreadPoolExecutor(workers, thread_name_prefix="taskvec") as pool:
            yield from in_order(lambda item: pool.submit(task, item), items, workers)
