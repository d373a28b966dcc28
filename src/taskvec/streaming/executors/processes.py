"""Processes of this machine, each with its own memory and files: the smallest thing that has a cluster's seam.

What is done is sent once to every process, as a value; with every item goes the place where that lies. A process that
was started stays for the passes that follow with as many workers, and ends with the one that started it.
"""

from __future__ import annotations

import atexit
import os
import pickle  # noqa: S403  # of our own process, sent to its children
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from taskvec.errors import TaskvecError
from taskvec.numerics.one_thread import one_thread_from_now_on
from taskvec.streaming.executors.executor import Executor, Item, Outcome, in_order

if TYPE_CHECKING:  # commands that start no process begin without what starts them
    from concurrent.futures import ProcessPoolExecutor


class ProcessExecutor(Executor):
    """Workers that are fresh processes; what they write, they write to files that are there already."""

    name: ClassVar[str] = "processes"
    worker_bytes: ClassVar[int] = 240 << 20
    is_elsewhere: ClassVar[bool] = True

    def __init__(self) -> None:
        self._idle: _Pool | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def run(self, task: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Generator[Outcome]:
        """Yield ``task(item)`` for every item, in order, with a bounded number under way.

        Raises:
            TaskvecError: If the task cannot be sent, or a process was killed.
        """
        packed = _packed(task)
        with TemporaryDirectory(prefix="taskvec-") as folder:
            place = Path(folder) / "task"
            place.write_bytes(packed)
            pool = self._taken(workers)
            try:
                yield from in_order(lambda item: pool.processes.submit(_do, place, item), items, workers)
            except BrokenExecutor as error:
                pool.is_broken = True
                raise TaskvecError(
                    "a worker process was killed, perhaps for want of memory: use fewer workers (-j), or --executor "
                    "threads"
                ) from error
            finally:
                self._put_back(pool)

    def close(self) -> None:
        """End the processes that wait for another pass."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.close()

    def _taken(self, workers: int) -> _Pool:
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None and idle.workers == workers:
            return idle
        if idle is not None:
            idle.close()
        return _Pool.of(workers)

    def _put_back(self, pool: _Pool) -> None:
        with self._lock:
            is_kept = self._idle is None and not pool.is_broken
            if is_kept:
                self._idle = pool
        if not is_kept:
            pool.close()


@dataclass
class _Pool:
    workers: int
    processes: ProcessPoolExecutor
    is_broken: bool = False

    @classmethod
    def of(cls, workers: int) -> _Pool:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        return cls(workers, ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin))

    def close(self) -> None:
        self.processes.shutdown(wait=True, cancel_futures=True)


def _packed(task: Callable[[Item], Outcome]) -> bytes:
    """Return a task as bytes.

    Raises:
        TaskvecError: If it holds what cannot be sent, such as a function that was made on the spot.
    """
    try:
        return pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TaskvecError(f"this cannot be sent to other processes ({error}): use --executor threads") from error


def _begin() -> None:
    """Begin a process: interruptions are its parent's, and it does not outlive that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _do(place: Path, item: Item) -> Any:
    return _task_at(place)(item)


@lru_cache(maxsize=1)
def _task_at(place: Path) -> Callable[[Any], Any]:
    task: Callable[[Any], Any] = pickle.loads(place.read_bytes())  # noqa: S301
    one_thread_from_now_on()  # of the libraries that the task brought
    return task
