"""What the engine says while it works. Listeners decide what to show; the engine never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PassStarted:
    """A pass over the data begins.

    Attributes:
        label: What the pass does, in a few words.
        total_bytes: Bytes that it will read and write.
    """

    label: str
    total_bytes: int


@dataclass(frozen=True, slots=True)
class BytesDone:
    """A unit is finished; ``count`` more bytes have been read and written."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class PassFinished:
    """A pass is over, after ``seconds``."""

    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """A killed run of the same job is taken up; ``count`` bytes of its work need not be done again."""

    label: str
    count: int


Event = PassStarted | Resumed | BytesDone | PassFinished
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing."""
