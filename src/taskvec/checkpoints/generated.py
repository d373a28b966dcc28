"""Checkpoints that lie nowhere: tensors of zeros, and random tensors that are made from a key as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blake3 import blake3

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.numerics.random import RandomElements
from taskvec.types import DType, TensorInfo


class GeneratedCheckpoint(Checkpoint):
    """A checkpoint whose elements are made as they are read: it takes no bytes on any disk."""

    def __init__(
        self, ref: str, tensors: Iterable[TensorInfo], source_of: Callable[[TensorInfo], TensorSource]
    ) -> None:
        infos = {info.name: info for info in tensors}
        super().__init__(
            ref, Path(ref), TensorTable(infos, {name: source_of(info) for name, info in infos.items()}, ())
        )


@dataclass(frozen=True, slots=True)
class Zeros:
    """A tensor of zeros."""

    def warm_up(self) -> None:
        """Do nothing: no compiled code is called."""

    def read_into(self, offset: int, out: memoryview) -> None:  # noqa: ARG002
        """Fill ``out`` with zeros."""
        np.frombuffer(out, np.uint8)[:] = 0


def zeros_like(tensors: Iterable[TensorInfo], ref: str = "zeros") -> GeneratedCheckpoint:
    """Make a checkpoint of zeros in the given shapes and dtypes, with a name for errors."""
    return GeneratedCheckpoint(ref, tensors, lambda _: Zeros())


def random_checkpoint(tensors: Iterable[TensorInfo], seed: int, index: int) -> GeneratedCheckpoint:
    """Make a checkpoint of random float32 tensors.

    Args:
        tensors: Names and shapes.
        seed: The key.
        index: Which of the checkpoints of this key.

    Returns:
        The checkpoint; equal arguments give equal elements.
    """

    def source(info: TensorInfo) -> TensorSource:
        digest = blake3(f"{seed}\0{index}\0{info.name}".encode()).digest(length=16)
        return RandomElements(int.from_bytes(digest, "little"))

    floats = [TensorInfo(info.name, DType.F32, info.shape) for info in tensors]
    return GeneratedCheckpoint(f"random atom {index} of seed {seed}", floats, source)
