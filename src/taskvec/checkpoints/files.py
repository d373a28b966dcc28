"""The seam between checkpoints and where their bytes lie: a few operations on files, of which a disk is one kind.

Readers and writers ask these alone for weights, indexes and the folders of outputs. What cannot be done is an `OSError`
as the system says it, or an error of ours that says more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from taskvec.errors import CheckpointError


class FileState(NamedTuple):
    """What a file is told by: another file under the same path, or other contents, are another state.

    Attributes:
        size: Bytes.
        modified_ns: The time of the last change.
        inode: The number of the file in its file system.
    """

    size: int
    modified_ns: int
    inode: int


class Files(ABC):
    """Where files lie. Any number of threads may call every method.

    Reads and writes may do less than they are asked for: whoever calls goes on. None of them waits for another.
    """

    def pin(self, path: Path) -> PinnedFile:
        """Look at a regular file.

        Raises:
            CheckpointError: If there is no such file, or it is a folder, pipe or device.
        """
        try:
            state = self.state(path)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be opened: {error.strerror}") from error
        if state is None:
            raise CheckpointError(f"{path}: is not a regular file; name a weight file")
        return PinnedFile(path, state, self)

    @abstractmethod
    def state(self, path: Path) -> FileState | None:
        """Return the state of a file now; None of what is there and no regular file."""

    @abstractmethod
    def read_at(self, file: PinnedFile, position: int, out: memoryview) -> int:
        """Fill the front of ``out`` with the bytes from ``position`` on; return how many, 0 at the end of the file.

        Raises:
            CheckpointError: If the file is no longer the one that was pinned.
        """

    @abstractmethod
    def forget(self, file: PinnedFile, position: int, length: int) -> None:
        """Know that these bytes will not be read again soon, and let go what is kept of them in memory."""

    @abstractmethod
    def close(self, file: PinnedFile) -> None:
        """Know that a file is not read for now, and close what is open of it."""

    @abstractmethod
    def create(self, path: Path, size: int) -> None:
        """Make a file that must be new, of that many bytes of any value, which the disk then has room for."""

    @abstractmethod
    def write_at(self, path: Path, position: int, data: memoryview) -> int:
        """Write the front of ``data`` to a file from ``position`` on; return how many bytes."""

    @abstractmethod
    def sync(self, path: Path) -> None:
        """Bring a file, or a folder and all that is in it, to the disk."""

    @abstractmethod
    def finish(self, path: Path) -> None:
        """Know that a file is not written for now, and close what is open of it."""

    @abstractmethod
    def free_bytes(self, folder: Path) -> int:
        """Return how many bytes can still be written to a folder."""

    @abstractmethod
    def list(self, folder: Path) -> tuple[str, ...]:
        """Return the names of what is in a folder, sorted; links that lead nowhere are left out."""

    @abstractmethod
    def exists(self, path: Path) -> bool:
        """Say whether a name is taken, be it by a link that leads nowhere."""

    @abstractmethod
    def make_folder(self, path: Path) -> None:
        """Make a folder, and those that it is in, unless it is there."""

    @abstractmethod
    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name, for good."""

    @abstractmethod
    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that is in it; nothing is done where nothing is."""


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file as it was when its header was read: a value, which any process may read through handles of its own.

    Attributes:
        path: The absolute path.
        state: The state that it must still have.
        files: Where it lies.
    """

    path: Path
    state: FileState
    files: Files = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.state.inode, self.state.modified_ns))  # asked for at every read, and a path takes long

    @property
    def size(self) -> int:
        """Bytes."""
        return self.state.size

    def read_into(self, position: int, out: memoryview) -> None:
        """Fill ``out`` with the bytes from ``position`` on.

        Raises:
            CheckpointError: If the file changed since it was pinned, ends early, or the disk fails.
        """
        done = 0
        while done < len(out):
            try:
                count = self.files.read_at(self, position + done, out[done:])
            except OSError as error:
                raise CheckpointError(f"{self.path}: cannot be read: {error.strerror}") from error
            if count == 0:
                raise CheckpointError(f"{self.path}: ends at byte {position + done} while it is read; fetch it again")
            done += count

    def read(self, position: int, count: int) -> bytes:
        """Return bytes from ``position`` on: as many as asked for, or as many as the file has."""
        held = bytearray(max(0, min(count, self.size - position)))
        self.read_into(position, memoryview(held))
        return bytes(held)

    def check(self) -> None:
        """Make sure that the file is still as it was pinned, before another reads it by its path.

        Raises:
            CheckpointError: If it is not.
        """
        if self.files.pin(self.path) != self:
            raise self.changed()

    def changed(self) -> CheckpointError:
        """Return what is raised where the file is no longer as it was pinned."""
        return CheckpointError(f"{self.path}: changed after its header was read; open the checkpoint again")
