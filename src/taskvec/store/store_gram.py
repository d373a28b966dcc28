"""Inner products of the named vectors of a store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StoreGram:
    """Inner products of named vectors, kept per tensor.

    Attributes:
        names: The T names.
        tensors: The N combinable tensors of the base.
        per_tensor: Float64 ``(N, T, T)``.
    """

    names: tuple[str, ...]
    tensors: tuple[str, ...]
    per_tensor: NDArray[np.float64]

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """VᵀV over all tensors, float64 ``(T, T)``, summed in the base's order."""
        total = np.zeros(self.per_tensor.shape[1:])
        for gram in self.per_tensor:
            total += gram
        return total
