"""What every format is turned into: a table from names to tensors and to where their bytes are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.descriptors import READ_POOL, PinnedFile
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo

RawArray = NDArray[Any]
"""An array of a dtype's ``storage``: the raw bits."""

PAGE_GROUP = 1 << 21
"""Bytes of the largest group of pages that a system caches as one (Linux: a large folio)."""


class TensorSource(Protocol):
    """Where the bytes of one tensor come from."""

    def warm_up(self) -> None:
        """Load the compiled code that reading calls, so that the memory that it takes is known to a plan."""

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the tensor's bytes from byte ``offset`` on."""


@dataclass(frozen=True, slots=True)
class FileSpan:
    """Bytes that lie one after another in a file.

    Attributes:
        file: The file.
        start: The position of the tensor's first byte.
    """

    file: PinnedFile
    start: int

    def warm_up(self) -> None:
        """Do nothing: files are read as they are."""

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` from the file, without the interpreter's lock and without a copy.

        Raises:
            CheckpointError: If the file changed since its header was read, ends early, or the disk fails.
        """
        with READ_POOL.borrow(self.file) as descriptor:
            self.file.check(descriptor)
            position, done = self.start + offset, 0
            while done < len(out):
                try:
                    count = os.preadv(descriptor, [out[done:]], position + done)
                except OSError as error:
                    raise CheckpointError(f"{self.file.path}: cannot be read: {error.strerror}") from error
                if count == 0:
                    raise CheckpointError(
                        f"{self.file.path}: ends at byte {position + done} while it is read; fetch it again"
                    )
                done += count

    def forget(self, offset: int, length: int) -> None:
        """Tell the system that these bytes will not be read again, so that they take no room in the page cache.

        Pages are let go in aligned groups, and only where a whole group is named: the bytes before the first, back to
        where its group begins, are named again.
        """
        if hasattr(os, "posix_fadvise"):
            stop = self.start + offset + length
            begin = (self.start + offset) // PAGE_GROUP * PAGE_GROUP
            with READ_POOL.borrow(self.file) as descriptor:
                os.posix_fadvise(descriptor, begin, stop - begin, os.POSIX_FADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class HeldArray:
    """Bytes held in memory, for formats whose files cannot be read in pieces.

    Attributes:
        data: The raw bytes of the tensor.
    """

    data: NDArray[np.uint8]

    def warm_up(self) -> None:
        """Do nothing: bytes are copied as they are."""

    def read_into(self, offset: int, out: memoryview) -> None:
        """Copy bytes into ``out``."""
        out[:] = self.data.data[offset : offset + len(out)]


@dataclass(frozen=True, slots=True)
class TensorTable:
    """The contents of one or more weight files.

    Attributes:
        tensors: What the headers say, in file order.
        sources: Where the bytes are, for every name in ``tensors``.
        files: The files read so far and to be read from.
        tied: Other names of the same data → the name in ``tensors`` that holds it.
        metadata: The free text of the (first) file's header.
    """

    tensors: Mapping[str, TensorInfo]
    sources: Mapping[str, TensorSource]
    files: tuple[PinnedFile, ...]
    tied: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
