"""Whole deltas of one tensor in memory, one task at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import NonFiniteError
from taskvec.linalg.subspaces.precise import squared_norm
from taskvec.numerics.kernels import deltas_of
from taskvec.numerics.rows import Rows
from taskvec.streaming import AlignedTensor
from taskvec.streaming.plan import MAX_CHUNK

Single = NDArray[np.float32]


def matrix_shape(tensor: AlignedTensor) -> tuple[int, int]:
    """Return a tensor's shape as a matrix: outputs × everything else; a vector is a column."""
    return tensor.shape[0], math.prod(tensor.shape[1:])


def base_bytes(tensor: AlignedTensor) -> int:
    """Return the bytes of the base's tensor; 0 where there is no base."""
    return tensor.base.info.nbytes if tensor.base else 0


class MatrixReader:
    """The deltas of one tensor; the base is read once and kept in its own dtype.

    Attributes:
        tensor: The tensor, aligned over the forms.
        shape: Its shape as a matrix.
        chunk: Elements read at once; no bit depends on it.
    """

    def __init__(self, tensor: AlignedTensor, centered: Sequence[bool], *, chunk: int = MAX_CHUNK) -> None:
        """Read the base.

        Args:
            tensor: The tensor.
            centered: For each source, whether its delta is its difference from the base.
            chunk: Elements read at once.
        """
        self.tensor = tensor
        self.chunk = chunk
        self.shape = matrix_shape(tensor)
        self._centered = np.array(centered, np.bool_)
        self._base = np.empty(base_bytes(tensor), np.uint8)
        if tensor.base:
            tensor.base.read_into(0, tensor.num_params, self._base)

    def delta(self, task: int) -> Single:
        """Return the delta of a task, float32 ``(m, n)``, subtracted in float32.

        Args:
            task: Its index among the forms.

        Returns:
            A new array.
        """
        values = np.empty(self.tensor.num_params, np.float32)
        itemsize = self.tensor.base.info.dtype.itemsize if self.tensor.base else 0
        one, source = slice(task, task + 1), self.tensor.sources[task]
        raw = np.empty((1, min(self.chunk, values.size) * source.info.dtype.itemsize), np.uint8)
        for start in range(0, values.size, self.chunk):
            count = min(self.chunk, values.size - start)
            source.read_into(start, count, raw[0])
            base = self._base[start * itemsize : (start + count) * itemsize]
            rows = Rows(base, self.tensor.base_code, raw, self.tensor.codes[one], self._centered[one], 0, count)
            deltas_of(rows, values[None, start : start + count])
        return values.reshape(self.shape)

    def finite_delta(self, task: int) -> Single:
        """Return the delta of a task.

        Args:
            task: Its index among the forms.

        Returns:
            A new array, ``(m, n)``.

        Raises:
            NonFiniteError: If it holds NaN or infinity.
        """
        matrix = self.delta(task)
        if not np.isfinite(squared_norm(matrix)):
            raise NonFiniteError(
                f"tensor {self.tensor.name} of {self.tensor.sources[task].checkpoint.ref} (or of its base) holds NaN "
                "or infinity: the checkpoint is broken, fetch or save it again"
            )
        return matrix
