"""A pass over checkpoints in memory, to test the engine without files or kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.table import Maker, TensorSource
from taskvec.streaming import AlignedTensor, Chunk, ChunkKernel, Located
from taskvec.testing.checkpoints import Array, raw_bits, tensor_info


@dataclass(frozen=True, eq=False)
class HeldMaker:
    """Who keeps something of what it computes: for each worker, and for all of them."""

    kept_bytes: int = 0
    held_bytes: int = 0


@dataclass(frozen=True)
class Cost(TensorSource):
    """What reading takes of memory; nothing is read here.

    Attributes:
        element: Of a worker, for each element that it reads at once.
        held: Whatever the workers.
        made_by: Who computes it.
    """

    element: int = 0
    held: int = 0
    made_by: tuple[HeldMaker, ...] = ()

    @property
    def makers(self) -> frozenset[Maker]:
        return frozenset(self.made_by)

    def read_into(self, offset: int, out: memoryview) -> None:
        raise AssertionError("the checkpoint itself is read")

    def scratch_bytes(self, count: int) -> int:
        return self.element * count

    def held_bytes(self) -> int:
        return self.held


@dataclass(eq=False)
class HeldCheckpoint:
    """As much of a checkpoint as the engine uses."""

    arrays: Mapping[str, Array]
    reads: list[tuple[str, int, int]] = field(default_factory=list)
    ref: str = "held"
    path: Path = Path("held")
    files: tuple[Path, ...] = ()
    cost: Cost = field(default_factory=Cost)

    def source(self, name: str) -> TensorSource:
        return self.cost

    def read_into(self, name: str, start: int, out: NDArray[Any]) -> None:
        self.reads.append((name, start, out.size))
        out[:] = raw_bits(self.arrays[name]).reshape(-1)[start : start + out.size]

    def located(self, name: str) -> Located:
        return Located(self, tensor_info(name, self.arrays[name]))  # type: ignore[arg-type]


@dataclass
class HeldSink:
    """Keeps what is written, and where."""

    written: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def write(self, name: str, start: int, data: NDArray[Any]) -> None:
        self.written.setdefault(name, {})[start] = data.tobytes()

    def skip(self, name: str, count: int) -> None:
        raise AssertionError(f"{count} elements of {name} were skipped in a run that never was interrupted")

    def sync(self) -> None:
        pass

    def whole(self, name: str) -> bytes:
        parts = self.written.get(name, {})
        return b"".join(parts[start] for start in sorted(parts))


class CopyAndCount(ChunkKernel):
    """Copies the base to every output and counts elements."""

    def begin(self, tensor: AlignedTensor) -> NDArray[np.int64]:
        return np.zeros(1, np.int64)

    def process(self, chunk: Chunk, state: NDArray[np.int64]) -> None:
        state += chunk.count
        chunk.outputs[:] = chunk.base

    def parameters(self) -> bytes:
        return b""


def aligned(checkpoint: HeldCheckpoint, name: str, *, sources: int = 0, is_written: bool = True) -> AlignedTensor:
    base = checkpoint.located(name)
    dtype = base.info.dtype if is_written else None
    return AlignedTensor(name, base.info.shape, base, (base,) * sources, dtype)
