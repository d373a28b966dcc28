"""Where a pass writes to."""

from __future__ import annotations

from typing import Protocol

from taskvec.streaming.aligned import Array


class TensorSink(Protocol):
    """Takes the raw elements of tensors, in any order and from many threads."""

    def write(self, name: str, start: int, data: Array) -> None:
        """Take elements ``start … start + data.size`` of a tensor; the buffer is reused afterwards."""
        ...

    def skip(self, name: str, count: int) -> None:
        """Know that ``count`` elements of a tensor were written by an earlier run."""
        ...

    def sync(self) -> None:
        """Bring what was written to the disk."""
        ...
