"""Files that fail, or that tell what is asked of them: wrapped around others, for tests of what readers and writers do.

with use_files(FaultyFiles(fails={"write_at": errno.ENOSPC})):
...
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

from taskvec.checkpoints.files import Files, FileState, PinnedFile
from taskvec.checkpoints.local_files import LOCAL
from taskvec.checkpoints.safetensors_header import LENGTH_BYTES

Operation = Literal[
    "state", "read_at", "forget", "close", "create", "write_at", "sync", "finish", "free_bytes", "list", "exists",
    "make_folder", "rename", "remove",
]  # fmt: skip


@dataclass(frozen=True)
class WrappedFiles(Files):
    """Other files, to the last bit; what a test wants to be otherwise, a subclass says.

    Attributes:
        inner: The other files.
    """

    inner: Files = field(default=LOCAL, kw_only=True)

    def before(self, operation: Operation, path: Path) -> None:
        """Do nothing; called before every operation."""

    def state(self, path: Path) -> FileState | None:
        """Ask the other files."""
        self.before("state", path)
        return self.inner.state(path)

    def read_at(self, file: PinnedFile, position: int, out: memoryview) -> int:
        """Read the other files."""
        self.before("read_at", file.path)
        return self.inner.read_at(file, position, out)

    def forget(self, file: PinnedFile, position: int, length: int) -> None:
        """Tell the other files."""
        self.before("forget", file.path)
        self.inner.forget(file, position, length)

    def close(self, file: PinnedFile) -> None:
        """Close the other file."""
        self.before("close", file.path)
        self.inner.close(file)

    def create(self, path: Path, size: int) -> None:
        """Make another file."""
        self.before("create", path)
        self.inner.create(path, size)

    def write_at(self, path: Path, position: int, data: memoryview) -> int:
        """Write to the other file."""
        self.before("write_at", path)
        return self.inner.write_at(path, position, data)

    def sync(self, path: Path) -> None:
        """Bring the other files to the disk."""
        self.before("sync", path)
        self.inner.sync(path)

    def finish(self, path: Path) -> None:
        """Close the other file."""
        self.before("finish", path)
        self.inner.finish(path)

    def free_bytes(self, folder: Path) -> int:
        """Ask the other files."""
        self.before("free_bytes", folder)
        return self.inner.free_bytes(folder)

    def list(self, folder: Path) -> tuple[str, ...]:
        """Ask the other files."""
        self.before("list", folder)
        return self.inner.list(folder)

    def exists(self, path: Path) -> bool:
        """Ask the other files."""
        self.before("exists", path)
        return self.inner.exists(path)

    def make_folder(self, path: Path) -> None:
        """Make the other folder."""
        self.before("make_folder", path)
        self.inner.make_folder(path)

    def rename(self, old: Path, new: Path) -> None:
        """Rename the other file."""
        self.before("rename", old)
        self.inner.rename(old, new)

    def remove(self, path: Path) -> None:
        """Remove the other file."""
        self.before("remove", path)
        self.inner.remove(path)


@dataclass(frozen=True)
class FaultyFiles(WrappedFiles):
    """Files on a disk that is broken, full or short of breath.

    Attributes:
        fails: Operation → the number of the error that it ends with, such as ``errno.ENOSPC``.
        after: How often each operation goes well before it fails.
        at_once: Bytes that one read or write does at most.
        ends: Where every file ends, whatever it said of its size.
        free: Bytes that are free, where it is not what the disk says.
    """

    fails: Mapping[Operation, int] = field(default_factory=dict)
    after: int = 0
    at_once: int | None = None
    ends: int | None = None
    free: int | None = None
    _done: dict[str, int] = field(default_factory=dict, init=False)

    def before(self, operation: Operation, path: Path) -> None:
        """Fail.

        Raises:
            OSError: Where the operation is one that fails, and has gone well often enough.
        """
        self._done[operation] = self._done.get(operation, 0) + 1
        if operation in self.fails and self._done[operation] > self.after:
            number = self.fails[operation]
            raise OSError(number, os.strerror(number), str(path))

    def read_at(self, file: PinnedFile, position: int, out: memoryview) -> int:
        """Read a few bytes."""
        there = out if self.ends is None else out[: max(0, self.ends - position)]
        return super().read_at(file, position, there[: self.at_once])

    def write_at(self, path: Path, position: int, data: memoryview) -> int:
        """Write a few bytes."""
        return super().write_at(path, position, data[: self.at_once])

    def free_bytes(self, folder: Path) -> int:
        """Return the bytes that are said to be free."""
        return super().free_bytes(folder) if self.free is None else self.free


@dataclass(frozen=True)
class WaitingFiles(WrappedFiles):
    """Files on a disk so slow that reads wait for ever, or until a test lets them go on.

    Attributes:
        slow: Set from when on reads wait.
        reached: Set once one waits.
        released: Set when all go on.
    """

    slow: Event = field(default_factory=Event)
    reached: Event = field(default_factory=Event)
    released: Event = field(default_factory=Event)

    def before(self, operation: Operation, path: Path) -> None:  # noqa: ARG002
        """Wait."""
        if operation == "read_at" and self.slow.is_set():
            self.reached.set()
            self.released.wait()


@dataclass(frozen=True)
class NotedFiles(WrappedFiles):
    """Files that note what is asked of them.

    Attributes:
        asked: Every operation, in order, and the path.
        forgotten: The bytes of every file that were let go.
    """

    asked: list[tuple[Operation, Path]] = field(default_factory=list)
    forgotten: list[range] = field(default_factory=list)

    def before(self, operation: Operation, path: Path) -> None:
        """Note the operation."""
        self.asked.append((operation, path))

    def forget(self, file: PinnedFile, position: int, length: int) -> None:
        """Note the bytes, and let them go."""
        self.forgotten.append(range(position, position + length))
        super().forget(file, position, length)


@dataclass(frozen=True)
class HeadersAlone(WrappedFiles):
    """Safetensors files of which nothing behind the header may be read: for what must not read a weight."""

    def read_at(self, file: PinnedFile, position: int, out: memoryview) -> int:
        """Read a header.

        Raises:
            AssertionError: If a weight is asked for.
        """
        if file.path.suffix == ".safetensors" and position > LENGTH_BYTES:
            raise AssertionError(f"{file.path}: a weight is read")
        return super().read_at(file, position, out)
