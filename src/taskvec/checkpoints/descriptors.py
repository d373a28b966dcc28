"""A bounded pool of open files, so that any number of checkpoints can be read at once.

A descriptor is borrowed for one read or write. It is closed only while nobody borrows it, least recently used first.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Generator, Hashable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from taskvec.errors import CheckpointError

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file as it was when its header was read; another file under the same path is another value.

    Attributes:
        path: The absolute path.
        device: The device number of the file system.
        inode: The inode number.
        size: Bytes.
        modified_ns: The time of the last change.
    """

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int

    def __hash__(self) -> int:
        return hash((self.device, self.inode, self.modified_ns))  # asked for at every read, and a path takes long

    @classmethod
    def of(cls, path: Path) -> PinnedFile:
        """Look at a regular file.

        Raises:
            CheckpointError: If there is no such file, or it is a folder, pipe or device.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be opened: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{path}: is not a regular file; name a weight file")
        return cls(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def open(self) -> int:
        """Open the file for reading.

        Raises:
            CheckpointError: If the file cannot be opened or is not the one that was pinned.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be opened: {error.strerror}") from error
        try:
            self.check(descriptor)
        except CheckpointError:
            os.close(descriptor)
            raise
        if hasattr(os, "posix_fadvise"):  # longer read-ahead: as fast as reading around the page cache
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return descriptor

    def check(self, descriptor: int) -> None:
        """Make sure that a descriptor leads to the file as it was pinned; it may have been written to since.

        Raises:
            CheckpointError: If it does not.
        """
        status = os.fstat(descriptor)
        now = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if now != (self.device, self.inode, self.size, self.modified_ns):
            raise CheckpointError(f"{self.path}: changed after its header was read; open the checkpoint again")


@dataclass(slots=True)
class _Borrowed:
    descriptor: int
    borrowers: int = 0
    is_forgotten: bool = False


class DescriptorPool(Generic[Key]):
    """Open descriptors by key, at most ``limit`` of them idle or in use unless more threads than that read at once.

    Attributes:
        limit: Descriptors kept open.
    """

    def __init__(self, open_key: Callable[[Key], int], limit: int) -> None:
        self.limit = limit
        self._open_key = open_key
        self._lock = threading.Lock()
        self._entries: dict[Key, _Borrowed] = {}

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


READ_POOL: DescriptorPool[PinnedFile] = DescriptorPool(PinnedFile.open, limit=64)
"""The descriptors through which this process reads checkpoints."""
