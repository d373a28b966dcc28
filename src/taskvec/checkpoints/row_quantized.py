"""Matrices as int8 with a scale a row, in an ordinary safetensors file; read back as the float32 that they stand for.

``NAME`` holds the integers and ``NAME.row_scale`` the scales, float32 ``(rows,)``. Tensors of fewer than two dimensions
are small and stay float32.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.checkpoints.writer import CheckpointWriter
from taskvec.errors import CheckpointError, OutputError
from taskvec.numerics.int8 import LARGEST, dequantize, quantize, raise_maxima
from taskvec.types import DType, TensorInfo

SUFFIX = ".row_scale"
"""What follows a tensor's name in the name of its scales."""

_PIECE = 1 << 18  # elements in memory at once


@dataclass(frozen=True, slots=True)
class ScaledRows(TensorSource):
    """A float32 tensor that is stored as integers and scales.

    Attributes:
        integers: Where the int8 elements are.
        scales: Float32 ``(rows,)``.
        row_length: Elements in a row.
    """

    integers: TensorSource
    scales: NDArray[np.float32]
    row_length: int

    @property
    def calls(self) -> tuple[str, ...]:
        """What multiplies the scales in, beside those of the integers."""
        return ("dequantize", *self.integers.calls)

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the float32 elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first = offset // values.itemsize
        raw = np.empty(min(len(values), _PIECE), np.uint8)
        for start in range(0, len(values), _PIECE):
            piece = values[start : start + _PIECE]
            integers = raw[: len(piece)]
            self.integers.read_into(first + start, integers.data)
            dequantize(integers.view(np.int8), first + start, self.row_length, self.scales, piece)

    def scratch_bytes(self, count: int) -> int:
        """Return the integers of a piece, and what reading them needs."""
        size = min(count, _PIECE)
        return size + self.integers.scratch_bytes(size)

    @property
    def within(self) -> tuple[TensorSource, ...]:
        """The integers; the scales are held already."""
        return (self.integers,)


def open_row_quantized(path: Path) -> Checkpoint:
    """Open a file of quantised rows as the float32 tensors that it stands for.

    Args:
        path: The file.

    Returns:
        The checkpoint.

    Raises:
        CheckpointError: If integers and scales do not belong together.
    """
    table = safetensors_table(path)
    tensors: dict[str, TensorInfo] = {}
    sources: dict[str, TensorSource] = {}
    with Checkpoint(str(path), path, table) as raw:
        for name, info in table.tensors.items():
            if info.dtype is not DType.I8:
                if not name.endswith(SUFFIX):
                    tensors[name], sources[name] = info, table.sources[name]
                continue
            scales = _scales(raw, info)
            tensors[name] = TensorInfo(name, DType.F32, info.shape)
            sources[name] = ScaledRows(table.sources[name], scales, math.prod(info.shape[1:]))
    return Checkpoint(str(path), path, TensorTable(tensors, sources, table.files, metadata=table.metadata))


def quantized_layout(tensors: Collection[TensorInfo]) -> list[TensorInfo]:
    """Return what a file holds in which the matrices among some float32 tensors are int8 rows.

    Args:
        tensors: The float32 tensors.

    Returns:
        Integers and scales of matrices, and the others as they are.

    Raises:
        OutputError: If a tensor has the name that another's scales would get.
    """
    names = {info.name for info in tensors}
    infos = []
    for info in tensors:
        if not _is_matrix(info):
            infos.append(info)
            continue
        scales = TensorInfo(info.name + SUFFIX, DType.F32, info.shape[:1])
        if scales.name in names:
            raise OutputError(f"tensor {scales.name} has the name of the scales of {info.name}: write atoms in bf16")
        infos += [TensorInfo(info.name, DType.I8, info.shape), scales]
    return infos


def write_row_quantized(source: Checkpoint, directory: Path, filename: str) -> None:
    """Round the matrices of a float32 checkpoint to int8 rows, in pieces.

    Args:
        source: Float32 tensors.
        directory: Where to write.
        filename: The file to make.
    """
    infos = quantized_layout(source.tensors.values())
    with CheckpointWriter(directory, infos, filename=filename) as writer:
        for info in source.tensors.values():
            if _is_matrix(info):
                _write_rows(source, info, writer)
            else:
                for start, values in _pieces(source, info):
                    writer.write(info.name, start, values)


def _write_rows(source: Checkpoint, info: TensorInfo, writer: CheckpointWriter) -> None:
    row_length = math.prod(info.shape[1:])
    maxima = np.zeros(info.shape[0], np.float32)
    for start, values in _pieces(source, info):
        raise_maxima(values, start, row_length, maxima)
    scales = maxima / np.float32(LARGEST)
    writer.write(info.name + SUFFIX, 0, scales)
    for start, values in _pieces(source, info):
        integers = np.empty(values.size, np.int8)
        quantize(values, start, row_length, scales, integers)
        writer.write(info.name, start, integers)


def _pieces(source: Checkpoint, info: TensorInfo) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, info.num_params, _PIECE):
        values = np.empty(min(_PIECE, info.num_params - start), np.float32)
        source.read_into(info.name, start, values)
        yield start, values


def _is_matrix(info: TensorInfo) -> bool:
    return len(info.shape) > 1 and info.num_params > 0


def _scales(raw: Checkpoint, info: TensorInfo) -> NDArray[np.float32]:
    name = info.name + SUFFIX
    expected = TensorInfo(name, DType.F32, info.shape[:1])
    if raw.tensors.get(name) != expected or not _is_matrix(info):
        raise CheckpointError(
            f"{raw.ref}: int8 tensor {quoted(info.name)} needs scales {expected}, found {raw.tensors.get(name)}: "
            "write the basis again"
        )
    scales: NDArray[np.float32] = raw.read(name)
    return scales
