"""Tensors of files that cannot be read in pieces: each process loads the file whole, and keeps what it needs of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.files import PinnedFile
from taskvec.checkpoints.table import TensorSource

HeldBytes = Mapping[str, NDArray[np.uint8]]
"""Tensor → its raw bytes."""


class HeldFile:
    """A file of which some tensors are in memory; in another process they are loaded when one is first asked for.

    Attributes:
        file: The file.
    """

    def __init__(
        self, file: PinnedFile, load: Callable[[PinnedFile], HeldBytes], held: HeldBytes | None = None
    ) -> None:
        self.file = file
        self._load = load
        self._held = held
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return HeldFile, (self.file, self._load)  # weights do not travel: they are read where they lie

    @property
    def missing_bytes(self) -> int:
        """What will be loaded still, at most."""
        return self.file.size if self._held is None else 0

    def tensor(self, name: str) -> NDArray[np.uint8]:
        """Return the raw bytes of a tensor."""
        with self._lock:
            if self._held is None:
                self.file.check()
                self._held = self._load(self.file)
            return self._held[name]


@dataclass(frozen=True, slots=True)
class HeldTensor(TensorSource):
    """A tensor of a file that is held.

    Attributes:
        holder: The file.
        name: The name of the tensor there.
    """

    holder: HeldFile
    name: str

    def read_into(self, offset: int, out: memoryview) -> None:
        """Copy bytes into ``out``."""
        out[:] = self.holder.tensor(self.name).data[offset : offset + len(out)]

    def held_bytes(self) -> int:
        """Return what is loaded still."""
        return self.holder.missing_bytes
