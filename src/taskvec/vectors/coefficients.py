"""Coefficients of forms: one number, or one for each tensor where groups of tensors have bases of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PerTensor:
    """A coefficient that differs by tensor; adds and scales like a number.

    Attributes:
        values: Tensor → coefficient.
        otherwise: The coefficient of every other tensor.
    """

    values: Mapping[str, float]
    otherwise: float = 0.0

    def at(self, tensor: str) -> float:
        """Return the coefficient for one tensor."""
        return self.values.get(tensor, self.otherwise)

    def __add__(self, other: Coefficient) -> PerTensor:
        right = other if isinstance(other, PerTensor) else PerTensor({}, other)
        names = {**self.values, **right.values}
        return PerTensor({name: self.at(name) + right.at(name) for name in names}, self.otherwise + right.otherwise)

    __radd__ = __add__

    def __mul__(self, factor: float) -> PerTensor:
        return PerTensor({name: value * factor for name, value in self.values.items()}, self.otherwise * factor)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.otherwise) or any(self.values.values())

    def __format__(self, spec: str) -> str:
        numbers = sorted({self.otherwise, *self.values.values()})
        return f"[{numbers[0]:{spec}} … {numbers[-1]:{spec}}]"


Coefficient = float | PerTensor


def coefficient_at(coefficient: Coefficient, tensor: str) -> float:
    """Return a coefficient for one tensor."""
    return coefficient.at(tensor) if isinstance(coefficient, PerTensor) else coefficient


class CoefficientTable:
    """The coefficients of F forms as kernels take them: a row a tensor, one row for all where nothing differs."""

    def __init__(self, coefficients: Sequence[Coefficient]) -> None:
        named = {name for c in coefficients if isinstance(c, PerTensor) for name in c.values}
        self._rows = {
            name: np.array([coefficient_at(c, name) for c in coefficients], np.float32) for name in sorted(named)
        }
        default = [c.otherwise if isinstance(c, PerTensor) else c for c in coefficients]
        self._default = np.array(default, np.float32)

    def row(self, tensor: str) -> NDArray[np.float32]:
        """Return the coefficients for one tensor, float32 ``(F,)``."""
        return self._rows.get(tensor, self._default)

    def tobytes(self) -> bytes:
        """Return everything, for telling one job from another."""
        rows = [name.encode() + b"\0" + row.tobytes() for name, row in self._rows.items()]
        return self._default.tobytes() + b"".join(rows)
