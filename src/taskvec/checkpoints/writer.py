"""Writes safetensors files whose every byte has its place from the start, in any order and from many threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from taskvec.checkpoints.files import Files
from taskvec.checkpoints.layout import FolderLayout, ShardLayout, plan_layout
from taskvec.checkpoints.local_files import FULL, files_in_use
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import RawArray
from taskvec.errors import CheckpointError, OutputError
from taskvec.types import TensorInfo


class CheckpointWriter:
    """Preallocated weight files, and the index if there are several.

    Every element must be written before `close`. Leaving a ``with`` block with an exception closes the files as they
    are; removing them is up to the owner of the folder. With ``resume``, files that an earlier writer with the same
    arguments left are kept as they are. Another process may write to the files through a copy that it is sent; what it
    wrote, the writer that made them must `skip`.

    Attributes:
        directory: The folder written to.
        files: The names of the weight files, then of the index.
    """

    def __init__(
        self,
        directory: Path,
        tensors: Sequence[TensorInfo],
        *,
        shard_size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        filename: str = "model.safetensors",
        resume: bool = False,
    ) -> None:
        self.directory = Path(directory)
        self._layout = plan_layout(tensors, shard_size=shard_size, metadata=metadata, filename=filename)
        self.files: tuple[str, ...] = tuple(shard.filename for shard in self._layout.shards)
        if self._layout.index_name is not None:
            self.files += (self._layout.index_name,)
        self._places = {
            info.name: (info, self.directory / shard.filename, position)
            for shard in self._layout.shards
            for info, position in shard.places()
        }
        self._missing = {name: info.num_params for name, (info, _, _) in self._places.items()}
        self._lock = threading.Lock()
        self._files = files_in_use()
        _allocate(self._files, self.directory, self._layout, resume=resume)

    @staticmethod
    def plan_bytes(
        tensors: Sequence[TensorInfo],
        *,
        shard_size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        filename: str = "model.safetensors",
    ) -> int:
        """Count the bytes that a writer with these arguments would take on disk: data, headers and index."""
        return plan_layout(tensors, shard_size=shard_size, metadata=metadata, filename=filename).num_bytes

    def write(self, name: str, start: int, data: RawArray) -> None:
        """Write raw elements ``start … start + data.size`` of the flattened tensor; safe to call from many threads.

        Args:
            name: A name given to the constructor.
            start: The first element.
            data: Contiguous elements of the dtype's ``storage``.

        Raises:
            ValueError: If the name is unknown, the dtype is another, or the data reach beyond the tensor.
        """
        if name not in self._places:
            raise ValueError(f"tensor {quoted(name)} was not announced to the writer of {self.directory}")
        info, path, position = self._places[name]
        if data.dtype != info.dtype.storage or not data.flags.c_contiguous:
            raise ValueError(f"writing {info} needs contiguous elements of {info.dtype.storage}, not {data.dtype}")
        if start < 0 or start + data.size > info.num_params:
            raise ValueError(f"elements {start} … {start + data.size} are not within {info}")
        if data.size:
            raw = data.reshape(-1).view(np.uint8).data
            _write_all(self._files, path, position + start * info.dtype.itemsize, raw)
        with self._lock:
            self._missing[name] -= data.size

    def skip(self, name: str, count: int) -> None:
        """Know that ``count`` elements of a tensor were written by an earlier run, whose files were kept."""
        with self._lock:
            self._missing[name] -= count

    def sync(self) -> None:
        """Bring what was written so far to the disk; safe to call while other threads write.

        Raises:
            OutputError: If the disk fails.
        """
        for shard in self._layout.shards:
            path = self.directory / shard.filename
            try:
                self._files.sync(path)
            except OSError as error:
                raise OutputError(f"{path}: cannot be brought to the disk: {error.strerror}") from error

    def close(self) -> None:
        """Bring everything to the disk and write the index.

        Elements that were never written, or some written twice, are an `OutputError`, as is a disk that fails.
        """
        try:
            self._check_complete()
            self.sync()
        finally:
            self._finish()
        if self._layout.index_name is not None:
            _create(self._files, self.directory / self._layout.index_name, self._layout.index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._finish()

    def _finish(self) -> None:
        for shard in self._layout.shards:
            self._files.finish(self.directory / shard.filename)

    def _check_complete(self) -> None:
        for name, missing in self._missing.items():
            if missing:
                info, path, _ = self._places[name]
                raise OutputError(
                    f"{path}: {info.num_params - missing} of {info.num_params} elements of tensor {quoted(name)} "
                    "were written; write each once"
                )


def _allocate(files: Files, directory: Path, layout: FolderLayout, *, resume: bool) -> None:
    """Create all files at their final size, so that a full disk is known now.

    Raises:
        OutputError: If the disk is too small or fails.
    """
    try:
        free = files.free_bytes(directory)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be written to: {error.strerror}") from error
    if layout.num_bytes > free and not resume:
        raise OutputError(_full(directory, layout.num_bytes))
    if resume and layout.index_name is not None:
        files.remove(directory / layout.index_name)
    for shard in layout.shards:
        path = directory / shard.filename
        if resume and _is_laid_out(files, path, shard):
            continue
        try:
            if resume:
                files.remove(path)
            files.create(path, shard.num_bytes)
        except OSError as error:
            if error.errno in FULL:
                raise OutputError(_full(directory, layout.num_bytes)) from error
            raise OutputError(f"{path}: cannot be created: {error.strerror}") from error
        _write_all(files, path, 0, memoryview(shard.head))


def _is_laid_out(files: Files, path: Path, shard: ShardLayout) -> bool:
    try:
        pinned = files.pin(path)
    except CheckpointError:
        return False
    try:
        return pinned.size == shard.num_bytes and pinned.read(0, len(shard.head)) == shard.head
    finally:
        files.close(pinned)


def _create(files: Files, path: Path, contents: bytes) -> None:
    try:
        files.create(path, len(contents))
        _write_all(files, path, 0, memoryview(contents))
        files.finish(path)
        files.sync(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _write_all(files: Files, path: Path, position: int, data: memoryview) -> None:
    done = 0
    while done < len(data):
        try:
            done += files.write_at(path, position + done, data[done:])
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _full(directory: Path, num_bytes: int) -> str:
    return f"{directory}: needs {num_bytes} bytes that the disk does not have; free some or write elsewhere"
