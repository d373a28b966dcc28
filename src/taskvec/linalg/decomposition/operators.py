"""A matrix that can only be multiplied with: in memory for the processor, or on a torch device."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import MissingExtraError

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


class Operator(Protocol):
    """W, ``(m, n)``."""

    def times(self, right: Matrix) -> Matrix:
        """Return W @ right."""
        ...

    def transposed_times(self, right: Matrix) -> Matrix:
        """Return Wᵀ @ right."""
        ...


class NumpyOperator:
    """W as it lies in memory, multiplied in float32."""

    def __init__(self, matrix: Single) -> None:
        self._matrix = matrix

    def times(self, right: Matrix) -> Matrix:
        """Return W @ right."""
        return (self._matrix @ right.astype(np.float32)).astype(np.float64)

    def transposed_times(self, right: Matrix) -> Matrix:
        """Return Wᵀ @ right."""
        return (self._matrix.T @ right.astype(np.float32)).astype(np.float64)


class TorchOperator:
    """W on a torch device, multiplied in float32; what goes in and comes out is small."""

    def __init__(self, matrix: Single, device: str) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "torch", f"--device {device}") from error
        self._torch: Any = torch
        self._matrix: Any = torch.from_numpy(matrix).to(device)

    def times(self, right: Matrix) -> Matrix:
        """Return W @ right."""
        return self._product(self._matrix, right)

    def transposed_times(self, right: Matrix) -> Matrix:
        """Return Wᵀ @ right."""
        return self._product(self._matrix.T, right)

    def _product(self, left: Any, right: Matrix) -> Matrix:
        moved = self._torch.from_numpy(right.astype(np.float32)).to(self._matrix.device)
        product: Matrix = (left @ moved).cpu().numpy().astype(np.float64)
        return product


def operator_for(matrix: Single, device: str) -> Operator:
    """Return a matrix as the device multiplies it.

    Args:
        matrix: W, float32.
        device: ``cpu``, a torch device such as ``cuda``, or ``torch`` (torch on the processor, for comparison).

    Returns:
        The operator.
    """
    if device == "cpu":
        return NumpyOperator(matrix)
    return TorchOperator(matrix, "cpu" if device == "torch" else device)
