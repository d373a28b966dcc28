"""A matrix that can only be multiplied with: in memory for the processor, or on a torch device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import MissingExtraError

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]


_BLOCK = 1 << 21  # elements of a matrix that are multiplied in one call


class Operator(Protocol):
    """W, ``(m, n)``."""

    def times(self, right: Matrix) -> Matrix:
        """Return W @ right."""
        ...

    def transposed_times(self, right: Matrix) -> Matrix:
        """Return Wᵀ @ right."""
        ...


class NumpyOperator:
    """W as it lies in memory, multiplied in float32, in blocks that several threads may share."""

    def __init__(self, matrix: Single, threads: int = 1) -> None:
        self._matrix = matrix
        self._threads = threads

    def times(self, right: Matrix) -> Matrix:
        """Return W @ right."""
        return self._product(self._matrix, right)

    def transposed_times(self, right: Matrix) -> Matrix:
        """Return Wᵀ @ right."""
        return self._product(self._matrix.T, right)

    def _product(self, left: Single, right: Matrix) -> Matrix:
        """Multiply some rows at a time; the same rows whatever the threads, so that these do not change a bit."""
        single = right.astype(np.float32)
        product = np.empty((left.shape[0], right.shape[1]))

        def multiply(rows: slice) -> None:
            product[rows] = left[rows] @ single

        step = max(1, _BLOCK // left.shape[1])
        blocks = [slice(start, start + step) for start in range(0, left.shape[0], step)]
        if self._threads > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(multiply, blocks))
        else:
            for block in blocks:
                multiply(block)
        return product


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


def operator_for(matrix: Single, device: str, threads: int = 1) -> Operator:
    """Return a matrix as the device multiplies it.

    Args:
        matrix: W, float32.
        device: ``cpu``, a torch device such as ``cuda``, or ``torch`` (torch on the processor, for comparison).
        threads: How many may multiply at once, on the processor.

    Returns:
        The operator.
    """
    if device == "cpu":
        return NumpyOperator(matrix, threads)
    return TorchOperator(matrix, "cpu" if device == "torch" else device)
