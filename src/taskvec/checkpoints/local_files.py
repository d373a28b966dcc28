"""Files on the disks of this machine, read and written anywhere without the interpreter's lock and without a copy."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taskvec.checkpoints.files import Files, FileState, PinnedFile
from taskvec.checkpoints.handles import Handles
from taskvec.errors import CheckpointError, OutputError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The numbers of errors that say that a disk has no room."""

_READ_AT_ONCE = 64  # files that are kept open
_WRITTEN_AT_ONCE = 128  # a basis has a file for each of its atoms, and all are written in turn


class LocalFiles(Files):
    """The files of this machine, through handles that belong to this process."""

    def __init__(self) -> None:
        self.reading: Handles[PinnedFile] = Handles(_open_pinned, _READ_AT_ONCE)
        self.writing: Handles[Path] = Handles(_open_for_writing, _WRITTEN_AT_ONCE)

    def __reduce__(self) -> str:
        return "LOCAL"  # each process has its own

    def state(self, path: Path) -> FileState | None:
        """Return the state of a file now; None of what is there and no regular file."""
        status = path.stat()
        return _state(status) if stat.S_ISREG(status.st_mode) else None

    def read_at(self, file: PinnedFile, position: int, out: memoryview) -> int:
        """Fill the front of ``out`` with bytes of a file that is as it was pinned."""
        with self.reading.borrow(file) as descriptor:
            _check(file, descriptor)
            return os.preadv(descriptor, [out], position)

    def forget(self, file: PinnedFile, position: int, length: int) -> None:
        """Let these bytes go from the page cache."""
        if hasattr(os, "posix_fadvise"):
            with self.reading.borrow(file) as descriptor:
                os.posix_fadvise(descriptor, position, length, os.POSIX_FADV_DONTNEED)

    def close(self, file: PinnedFile) -> None:
        """Close the handle of a file that was read."""
        self.reading.forget([file])

    def create(self, path: Path, size: int) -> None:
        """Make a new file at its final size, so that a full disk is known now.

        Raises:
            OSError: If it exists already, or the disk is full or fails.
        """
        self.finish(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            self._reserve(descriptor, size)
        except OSError as error:
            if error.errno in FULL:
                raise
            os.ftruncate(descriptor, size)  # a file system without preallocation
        finally:
            os.close(descriptor)

    def write_at(self, path: Path, position: int, data: memoryview) -> int:
        """Write the front of ``data`` to a file."""
        with self.writing.borrow(path) as descriptor:
            return os.pwrite(descriptor, data, position)

    def sync(self, path: Path) -> None:
        """Bring a file, or a folder and all that is in it, to the disk."""
        for parent, _, names in os.walk(path):
            for name in names:
                sync_entry(Path(parent, name))
            if Path(parent) != path:
                sync_entry(Path(parent))
        sync_entry(path)

    def finish(self, path: Path) -> None:
        """Close the handle of a file that was written."""
        self.writing.forget([path])

    def free_bytes(self, folder: Path) -> int:
        """Return the free bytes of the file system that a folder is in."""
        return shutil.disk_usage(folder).free

    def list(self, folder: Path) -> tuple[str, ...]:
        """Return the names of what is in a folder, sorted."""
        return tuple(sorted(path.name for path in folder.iterdir() if path.exists()))

    def exists(self, path: Path) -> bool:
        """Say whether a name is taken."""
        return os.path.lexists(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder and its parents."""
        path.mkdir(parents=True, exist_ok=True)

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file or folder, and bring the folder that it is in to the disk."""
        old.rename(new)
        sync_entry(new.parent)

    def remove(self, path: Path) -> None:
        """Remove a file or a folder."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _reserve(self, descriptor: int, size: int) -> None:
        os.posix_fallocate(descriptor, 0, size)


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_size, status.st_mtime_ns, status.st_ino)


def _check(file: PinnedFile, descriptor: int) -> None:
    """Make sure that a descriptor leads to a file as it was pinned; it may have been written to since."""
    if _state(os.fstat(descriptor)) != file.state:
        raise file.changed()


def _open_pinned(file: PinnedFile) -> int:
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CheckpointError(f"{file.path}: cannot be opened: {error.strerror}") from error
    try:
        _check(file, descriptor)
    except CheckpointError:
        os.close(descriptor)
        raise
    if hasattr(os, "posix_fadvise"):  # longer read-ahead: as fast as reading around the page cache
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return descriptor


def _open_for_writing(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise OutputError(f"{path}: cannot be opened for writing: {error.strerror}") from error


def sync_entry(path: Path) -> None:
    """Bring one file to the disk, or the names that a folder holds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


LOCAL = LocalFiles()
"""The files of this machine, for this process."""

_in_use: list[Files] = [LOCAL]


def files_in_use() -> Files:
    """Return where paths lead now: to the files of this machine, unless `use_files` says otherwise."""
    return _in_use[-1]


@contextmanager
def use_files(files: Files) -> Generator[Files]:
    """Let paths lead to other files for the length of a ``with`` block, such as files that fail.

    What is opened meanwhile keeps to them.
    """
    _in_use.append(files)
    try:
        yield files
    finally:
        _in_use.pop()
