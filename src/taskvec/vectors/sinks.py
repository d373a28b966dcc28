"""Where a pass can send what it writes, beside whole files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import widen
from taskvec.streaming import AlignedTensor, TensorSink
from taskvec.types import TensorInfo


class OnlySink:
    """Passes on the tensors that one file is to hold and drops the rest of a pass."""

    def __init__(self, writer: TensorSink, written: list[TensorInfo]) -> None:
        self._writer = writer
        self._names = frozenset(info.name for info in written)

    def write(self, name: str, start: int, data: NDArray[Any]) -> None:
        """Take elements of a tensor."""
        if name in self._names:
            self._writer.write(name, start, data)

    def skip(self, name: str, count: int) -> None:
        """Know that elements were written by an earlier run."""
        if name in self._names:
            self._writer.skip(name, count)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._writer.sync()


class ArraySink:
    """Keeps the elements of one tensor in memory."""

    def __init__(self) -> None:
        self._parts: dict[int, NDArray[Any]] = {}

    def write(self, name: str, start: int, data: NDArray[Any]) -> None:  # noqa: ARG002
        """Take elements."""
        self._parts[start] = data.copy()

    def skip(self, name: str, count: int) -> None:
        """Memory outlives no run: there is nothing to skip."""

    def sync(self) -> None:
        """Memory has no disk to be brought to."""

    def values(self, tensor: AlignedTensor) -> NDArray[Any]:
        """Return the tensor, shaped: widened to float32 where arithmetic applies, else as raw bits."""
        parts = [self._parts[start] for start in sorted(self._parts)]
        raw = np.concatenate(parts).view(np.uint8) if parts else np.empty(0, np.uint8)
        if not tensor.is_combinable:
            return raw.view(tensor.located[0].info.dtype.storage).reshape(tensor.shape)
        values = np.empty(tensor.num_params, np.float32)
        widen(raw, dtype_code(tensor.output_dtype), 0, tensor.num_params, values)
        return values.reshape(tensor.shape)
