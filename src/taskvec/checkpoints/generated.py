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


class _Made(TensorSource):
    """What is made as it is read, and takes no bytes on any disk."""

    __slots__ = ()

    @property
    def is_stored(self) -> bool:
        """Nothing is."""
        return False


@dataclass(frozen=True, slots=True)
class Zeros(_Made):
    """A tensor of zeros."""

    def read_into(self, offset: int, out: memoryview) -> None:  # noqa: ARG002
        """Fill ``out`` with zeros."""
        np.frombuffer(out, np.uint8)[:] = 0


@dataclass(frozen=True, slots=True)
class RandomTensor(_Made):
    """A tensor of random float32 elements.

    Attributes:
        elements: What its elements are.
    """

    elements: RandomElements

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        self.elements.read_into(offset, out)

    def scratch_bytes(self, count: int) -> int:
        """Return what making them needs."""
        return self.elements.scratch_bytes(count)


def zeros_like(tensors: Iterable[TensorInfo], ref: str = "zeros") -> Checkpoint:
    """Make a checkpoint of zeros in the given shapes and dtypes, with a name for errors."""
    return _generated(ref, tensors, lambda _: Zeros())


def random_checkpoint(tensors: Iterable[TensorInfo], seed: int, index: int) -> Checkpoint:
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
        return RandomTensor(RandomElements(int.from_bytes(digest, "little")))

    floats = [TensorInfo(info.name, DType.F32, info.shape) for info in tensors]
    return _generated(f"random atom {index} of seed {seed}", floats, source)


def _generated(ref: str, tensors: Iterable[TensorInfo], source_of: Callable[[TensorInfo], TensorSource]) -> Checkpoint:
    infos = {info.name: info for info in tensors}
    return Checkpoint(ref, Path(ref), TensorTable(infos, {name: source_of(info) for name, info in infos.items()}, ()))
