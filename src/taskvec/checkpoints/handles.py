"""A bounded pool of open files, one a process, so that any number of checkpoints can be read at once.

A handle is opened when it is first borrowed, and borrowed for one read or write. It is closed only while nobody borrows
it, least recently used first; all are closed with the pool. Handles never leave the process that opened them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator, Hashable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Borrowed:
    descriptor: int
    borrowers: int = 0
    is_forgotten: bool = False


class Handles(Generic[Key]):
    """Open descriptors by key, at most ``limit`` of them idle or in use unless more threads than that read at once.

    Attributes:
        limit: Descriptors kept open.
    """

    def __init__(self, open_key: Callable[[Key], int], limit: int) -> None:
        self.limit = limit
        self._open_key = open_key
        self._lock = threading.Lock()
        self._entries: dict[Key, _Borrowed] = {}
        weakref.finalize(self, _close_all, self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @contextmanager
    def borrow(self, key: Key) -> Generator[int]:
        """Hold a descriptor for the length of a ``with`` block."""
        with self._lock:
            entry = self._entries.pop(key, None) or self._opened(key)
            self._entries[key] = entry  # last in the dictionary = most recently used
            entry.borrowers += 1
        try:
            yield entry.descriptor
        finally:
            with self._lock:
                entry.borrowers -= 1
                if entry.is_forgotten and not entry.borrowers:
                    os.close(entry.descriptor)

    def forget(self, keys: Iterable[Key]) -> None:
        """Close the descriptors of some keys, each as soon as nobody borrows it."""
        with self._lock:
            for key in keys:
                self._drop(key)

    def forget_all(self) -> None:
        """Close every descriptor, each as soon as nobody borrows it."""
        self.forget(list(self._entries))

    def _opened(self, key: Key) -> _Borrowed:
        idle = [other for other, entry in self._entries.items() if not entry.borrowers]
        for other in idle[: max(0, len(self._entries) - self.limit + 1)]:
            self._drop(other)
        return _Borrowed(self._open_key(key))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        entry.is_forgotten = True
        if not entry.borrowers:
            os.close(entry.descriptor)


def _close_all(entries: dict[Any, _Borrowed]) -> None:
    for entry in entries.values():
        os.close(entry.descriptor)
