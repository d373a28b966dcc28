"""Outputs that appear whole or not at all: work in a hidden sibling, then one atomic rename."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from taskvec.checkpoints.files import Files
from taskvec.checkpoints.local_files import files_in_use, sync_entry
from taskvec.errors import OutputError

_KEY_NAME = ".resume-key"
_JOURNAL_NAME = ".journal"


class StagedOutput:
    """A folder (or a single file) under construction; nobody sees it at its target until `publish`.

    Work happens in ``.NAME.partial`` beside the target, which is locked against other processes where the file
    system can lock folders. What a killed process left there is removed, unless it was working at the same thing
    (the same ``resume_key``). Leaving a ``with`` block discards whatever was not published; with a key, an
    interruption keeps it for the next run.

    Attributes:
        target: Where the output will appear.
        directory: Where to write meanwhile; a single file is written here under the target's name.
        is_resumed: Whether an earlier run's work at the same thing is still there.
    """

    def __init__(self, target: Path, *, is_single_file: bool = False, resume_key: str | None = None) -> None:
        self.target = Path(target).absolute()
        self.directory = self.target.with_name(f".{self.target.name}.partial")
        self._files = files_in_use()
        self._refuse_existing()
        try:
            self._new_parents = _make_parents(self._files, self.target.parent)
            self._lock = _locked_folder(self.directory)
            self.is_resumed = _keep_or_empty(self._files, self.directory, resume_key)
        except OSError as error:
            raise OutputError(f"{self.target}: cannot be written: {error.strerror}") from error
        self._can_resume = resume_key is not None
        self._is_single_file = is_single_file
        self._is_open = True

    @property
    def journal_path(self) -> Path:
        """Where a run may note what it has finished; removed before the output is published."""
        return self.directory / _JOURNAL_NAME

    def publish(self) -> None:
        """Bring everything to the disk and rename it to its target.

        Raises:
            OutputError: If the target appeared meanwhile or the disk fails; the staging folder stays.
        """
        self._refuse_existing()
        try:
            self._files.sync(self.directory)
            self._files.remove(self.journal_path)
            self._files.remove(self.directory / _KEY_NAME)
            self._move()
        except OSError as error:
            raise OutputError(f"{self.target}: cannot be published: {error.strerror}") from error
        self._release()

    def discard(self) -> None:
        """Remove the staging folder and the parents made for it; does nothing after `publish`."""
        if not self._is_open:
            return
        with suppress(OSError):
            self._files.remove(self.directory)
        self._release()
        for parent in self._new_parents:
            try:
                parent.rmdir()
            except OSError:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._can_resume and isinstance(error, KeyboardInterrupt | SystemExit):
            self._release()
        else:
            self.discard()

    def _refuse_existing(self) -> None:
        if self._files.exists(self.target):
            raise OutputError(f"{self.target}: exists already; remove it or name another output")

    def _move(self) -> None:
        if self._is_single_file:
            self._files.rename(self.directory / self.target.name, self.target)
            self.directory.rmdir()
        else:
            self._files.rename(self.directory, self.target)

    def _release(self) -> None:
        if self._is_open:
            os.close(self._lock)
            self._is_open = False


def write_json_atomic(path: Path, obj: object) -> None:
    """Write a JSON file, replacing what is there, so that readers see the old contents or the new.

    Args:
        path: Where to write; the folder exists.
        obj: What ``json.dumps`` accepts; NaN is refused.

    Raises:
        OutputError: If the file cannot be written.
    """
    try:
        _publish_json(path, obj, lambda temporary: temporary.replace(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def create_json_exclusive(path: Path, obj: object) -> None:
    """Write a JSON file that must be new; of two writers at once, one wins and the other is told.

    Args:
        path: Where to write; the folder exists.
        obj: What ``json.dumps`` accepts; NaN is refused.

    Raises:
        FileExistsError: If the path exists already.
        OutputError: If the file cannot be written.
    """
    try:
        _publish_json(path, obj, path.hardlink_to)
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _publish_json(path: Path, obj: object, publish: Callable[[Path], object]) -> None:
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        publish(temporary)
        sync_entry(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _make_parents(files: Files, folder: Path) -> list[Path]:
    """Create a folder and its parents; return those that were new, innermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not files.exists(parent)]
    files.make_folder(folder)
    return missing


def _locked_folder(folder: Path) -> int:
    """Create or take over a folder, and hold a lock on it for as long as the descriptor is open.

    Raises:
        OutputError: If another process holds the lock, or published the folder just now.
    """
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"{folder}: another process is writing this output; wait for it or name another output"
        ) from None
    except OSError:  # a file system that cannot lock folders
        return
    if not (folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat())):
        raise OutputError(f"{folder}: another process has just finished with this output; try again")


def _keep_or_empty(files: Files, folder: Path, resume_key: str | None) -> bool:
    """Keep what a run with the same key left, remove anything else; return whether something was kept."""
    path = folder / _KEY_NAME
    if resume_key is not None and path.is_file() and path.read_text(encoding="ascii", errors="replace") == resume_key:
        return True
    for entry in folder.iterdir():
        files.remove(entry)
    if resume_key is not None:
        path.write_text(resume_key, encoding="ascii")
    return False
