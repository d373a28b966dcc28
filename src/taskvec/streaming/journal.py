"""What a run has finished so far, on disk, so that the same command goes on after a kill.

A journal is a file: a line with the run's key, then one framed record a unit (index, small arrays, checksum). It is
appended only after the unit's output is on the disk; a torn record at the end is dropped. Another key (another input,
recipe or version) starts over. A thread of its own brings outputs and notes to the disk while the work goes on.
"""

from __future__ import annotations

import fcntl
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from taskvec.errors import OutputError
from taskvec.streaming.aligned import Arrays

Parts = list[Arrays]
"""What a unit's pieces were reduced to."""

_FRAME = struct.Struct("<III")  # unit, bytes of the payload, checksum of the payload
_INTERVAL = 0.25  # seconds between two flushes


class Journal:
    """The finished units of one run; at most one process at a time has a journal, others go without.

    Attributes:
        path: The file.
        done: Unit → its small arrays, as found when the journal was opened; read when they are asked for, so that notes
            may be more than memory holds.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.done: Mapping[int, Parts] = {}
        self._sync: Callable[[], None] = _nothing
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._failure: OutputError | None = None
        self._file = _locked(path)
        if self._file is not None:
            self.done = _load(self._file, f"taskvec journal {key}\n".encode())
        self._flusher = threading.Thread(target=self._flush_regularly, name="taskvec-journal", daemon=True)

    def start(self, sync: Callable[[], None]) -> None:
        """Begin to keep notes.

        Args:
            sync: Brings the outputs of all finished units to the disk.
        """
        self._sync = sync
        self._flusher.start()

    def record(self, unit: int, parts: Parts) -> None:
        """Note that a unit is finished; soon after, its output and the note are on the disk.

        Args:
            unit: Its index.
            parts: Its small arrays.

        Raises:
            OutputError: If an output or a note could not be brought to the disk.
        """
        if self._failure is not None:
            raise self._failure
        payload = _encode(parts)
        with self._lock:
            self._waiting.append(_FRAME.pack(unit, len(payload), zlib.crc32(payload)) + payload)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        try:
            if self._flusher.is_alive():
                self._flusher.join()
        finally:  # whoever interrupts twice is impatient, and still leaves no file open
            if self._file is not None:
                self._file.close()
        if kind is None and self._failure is not None:
            raise self._failure

    def _flush_regularly(self) -> None:
        try:
            while not self._is_over.wait(_INTERVAL):
                self._flush()
            self._flush()
        except OutputError as error:
            self._failure = error
        except OSError as error:
            self._failure = OutputError(f"{self.path}: cannot be written: {error.strerror}")

    def _flush(self) -> None:
        with self._lock:
            records, self._waiting = self._waiting, []
        if records and self._file is not None:
            self._sync()
            self._file.writelines(records)
            self._file.flush()
            os.fsync(self._file.fileno())


class _Noted(Mapping[int, Parts]):
    """The notes of a journal that is open, by unit."""

    def __init__(self, file: BinaryIO, places: Mapping[int, tuple[int, int]]) -> None:
        self._descriptor = file.fileno()
        self._places = places

    def __getitem__(self, unit: int) -> Parts:
        place, length = self._places[unit]
        return _decode(os.pread(self._descriptor, length, place))

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _nothing() -> None:
    """Bring nothing to the disk."""


def _locked(path: Path) -> BinaryIO | None:
    try:
        file = path.open("a+b")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:  # a file system that cannot lock
        pass
    return file


def _load(file: BinaryIO, header: bytes) -> Mapping[int, Parts]:
    """Find the whole records of a journal with this header; leave the file at their end, with nothing behind it."""
    places: dict[int, tuple[int, int]] = {}
    file.seek(0)
    is_ours = file.read(len(header)) == header
    end = len(header) if is_ours else 0
    while is_ours and (record := _read_record(file)):
        unit, length = record
        end = file.tell()
        places[unit] = end - length, length
    file.seek(end)
    file.truncate()
    if not is_ours:
        file.write(header)
    return _Noted(file, places)


def _read_record(file: BinaryIO) -> tuple[int, int] | None:
    """Read a record; returns its unit and the length of its payload, or None where it is not whole."""
    frame = file.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return None
    unit, length, checksum = _FRAME.unpack(frame)
    payload = file.read(length)
    return (unit, length) if len(payload) == length and zlib.crc32(payload) == checksum else None


def _encode(parts: Parts) -> bytes:
    buffer = io.BytesIO()
    for arrays in parts:
        buffer.write(bytes([len(arrays)]))
        for array in arrays:
            np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _decode(payload: bytes) -> Parts:
    buffer = io.BytesIO(payload)
    parts: Parts = []
    while count := buffer.read(1):
        parts.append(tuple(np.lib.format.read_array(buffer, allow_pickle=False) for _ in range(count[0])))
    return parts
