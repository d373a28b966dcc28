"""What every format is turned into: a table from names to tensors and to where their bytes come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from taskvec.checkpoints.files import PinnedFile
from taskvec.types import Grain, TensorInfo

RawArray = NDArray[Any]
"""An array of a dtype's ``storage``: the raw bits."""

PAGE_GROUP = 1 << 21
"""Bytes of the largest group of pages that a system caches as one (Linux: a large folio)."""


class Maker(Protocol):
    """Who computes tensors as they are read, and keeps something from one read to the next."""

    @property
    def kept_bytes(self) -> int:
        """What each worker keeps that reads any of its tensors."""
        ...

    @property
    def held_bytes(self) -> int:
        """What is held while any of its tensors is read, however many workers do so."""
        ...


class TensorSource(ABC):
    """Where the bytes of one tensor come from, and what reading them takes.

    A value: it travels to another process, for it holds no handle and no lock.
    """

    __slots__ = ()

    @property
    def calls(self) -> tuple[str, ...]:
        """The compiled kernels that reading calls, by the names that `taskvec.numerics.loading` knows."""
        return ()

    @property
    def is_stored(self) -> bool:
        """Whether bytes are read from a file, rather than made."""
        return True

    @property
    def grain(self) -> Grain:
        """How much of the tensor is made at once: where that is all of it, one worker should read it whole."""
        return Grain.ELEMENTS

    @abstractmethod
    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the tensor's bytes from byte ``offset`` on."""

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The sources that it reads, and what it makes is made of."""
        return ()

    @property
    def makers(self) -> frozenset[Maker]:
        """Whoever computes it and keeps something meanwhile; who makes several tensors counts once."""
        return makers_of(self.within)

    def scratch_bytes(self, count: int) -> int:  # noqa: ARG002
        """Return what one worker needs, beside the row that it fills, to read ``count`` elements at once."""
        return 0

    def held_bytes(self) -> int:
        """Return what will be held while the tensor is read, however many workers do so, beside what is held now."""
        return sum(source.held_bytes() for source in self.within)

    def forget(self, offset: int, length: int) -> None:
        """Know that these bytes will not be read again soon."""


def calls_of(sources: Iterable[TensorSource]) -> tuple[str, ...]:
    """Return the kernels that reading any of some sources calls, each once."""
    return tuple(dict.fromkeys(name for source in sources for name in source.calls))


def makers_of(sources: Iterable[TensorSource]) -> frozenset[Maker]:
    """Return whoever computes any of some sources, each once."""
    return frozenset[Maker]().union(*(source.makers for source in sources))


@dataclass(frozen=True, slots=True)
class FileSpan(TensorSource):
    """Bytes that lie one after another in a file.

    Attributes:
        file: The file.
        start: The position of the tensor's first byte.
    """

    file: PinnedFile
    start: int

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` from the file, without the interpreter's lock and without a copy."""
        self.file.read_into(self.start + offset, out)

    def forget(self, offset: int, length: int) -> None:
        """Tell the system that these bytes will not be read again, so that they take no room in the page cache.

        Pages are let go in aligned groups, and only where a whole group is named: the bytes before the first, back to
        where its group begins, are named again.
        """
        stop = self.start + offset + length
        begin = (self.start + offset) // PAGE_GROUP * PAGE_GROUP
        self.file.files.forget(self.file, begin, stop - begin)


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
