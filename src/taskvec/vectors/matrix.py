"""Whole deltas of one tensor in memory, one task at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import NonFiniteError
from taskvec.linalg.subspaces.precise import squared_norm
from taskvec.numerics.kernels import deltas_of
from taskvec.streaming import AlignedTensor, Located
from taskvec.vectors.forms import Form

Single = NDArray[np.float32]

CHUNK = 1 << 18
"""Elements read at once."""


def matrix_shape(tensor: AlignedTensor) -> tuple[int, int]:
    """Return a tensor's shape as a matrix: outputs × everything else; a vector is a column."""
    return tensor.shape[0], math.prod(tensor.shape[1:])


class MatrixReader:
    """The deltas of one tensor; the base is read once and kept in its own dtype.

    Attributes:
        tensor: The tensor, aligned over the forms.
        shape: Its shape as a matrix.
    """

    def __init__(self, tensor: AlignedTensor, forms: Sequence[Form]) -> None:
        self.tensor = tensor
        self.shape = matrix_shape(tensor)
        self._centered = np.array([form.is_centered for form in forms], np.bool_)
        self._base = _raw(tensor.base, 0, tensor.num_params) if tensor.base else np.zeros(0, np.uint8)

    def delta(self, task: int) -> Single:
        """Return the delta of a task, float32 ``(m, n)``, subtracted in float32.

        Args:
            task: Its index among the forms.

        Returns:
            A new array.
        """
        values = np.empty(self.tensor.num_params, np.float32)
        itemsize = self.tensor.base.info.dtype.itemsize if self.tensor.base else 0
        one = slice(task, task + 1)
        for start in range(0, values.size, CHUNK):
            count = min(CHUNK, values.size - start)
            raw = _raw(self.tensor.sources[task], start, count)[None]
            base = self._base[start * itemsize : (start + count) * itemsize]
            out = values[None, start : start + count]
            deltas_of(base, self.tensor.base_code, raw, self.tensor.codes[one], self._centered[one], count, out)
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


def _raw(located: Located, start: int, count: int) -> NDArray[np.uint8]:
    values = np.empty(count, located.info.dtype.storage)
    located.checkpoint.read_into(located.info.name, start, values)
    return values.view(np.uint8)
