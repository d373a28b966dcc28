"""Coefficients of forms: one number, one for each tensor, or a promise of these that is kept when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
        if isinstance(other, Deferred):
            return NotImplemented
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


@dataclass(frozen=True, repr=False)
class Deferred:
    """A coefficient that must be measured first; adds and scales like a number, and is measured when it is asked for.

    Attributes:
        name: What it is, so that equal promises are known as equal.
        keep: Measures it, or returns what was measured.
    """

    name: str
    keep: Callable[[], PerTensor]

    def at(self, tensor: str) -> float:
        """Return the coefficient for one tensor."""
        return self.keep().at(tensor)

    def __add__(self, other: Coefficient) -> Deferred:
        if isinstance(other, Deferred):
            return Deferred(f"({self.name} + {other.name})", lambda: self.keep() + other.keep())
        return Deferred(f"({self.name} + {other!r})", lambda: self.keep() + other)

    __radd__ = __add__

    def __mul__(self, factor: float) -> Deferred:
        return Deferred(f"{factor!r}*{self.name}", lambda: self.keep() * factor)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> tuple[type[PerTensor], tuple[Mapping[str, float], float]]:
        """Travel as what was promised."""
        kept = self.keep()
        return PerTensor, (kept.values, kept.otherwise)

    def __repr__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return "?"


Coefficient = float | PerTensor | Deferred


def coefficient_at(coefficient: Coefficient, tensor: str) -> float:
    """Return a coefficient for one tensor."""
    return coefficient if isinstance(coefficient, int | float) else coefficient.at(tensor)


class CoefficientTable:
    """The coefficients of F forms as kernels take them: a row a tensor, one row for all where nothing differs."""

    def __init__(self, coefficients: Sequence[Coefficient]) -> None:
        self._coefficients = tuple(coefficients)

    @cached_property
    def _settled(self) -> tuple[float | PerTensor, ...]:
        return tuple(c.keep() if isinstance(c, Deferred) else c for c in self._coefficients)

    @cached_property
    def _rows(self) -> Mapping[str, NDArray[np.float32]]:
        named = {name for c in self._settled if isinstance(c, PerTensor) for name in c.values}
        return {name: np.array([coefficient_at(c, name) for c in self._settled], np.float32) for name in sorted(named)}

    @cached_property
    def _default(self) -> NDArray[np.float32]:
        return np.array([c.otherwise if isinstance(c, PerTensor) else c for c in self._settled], np.float32)

    def row(self, tensor: str) -> NDArray[np.float32]:
        """Return the coefficients for one tensor, float32 ``(F,)``."""
        return self._rows.get(tensor, self._default)

    def tobytes(self) -> bytes:
        """Return everything, for telling one job from another."""
        rows = [name.encode() + b"\0" + row.tobytes() for name, row in self._rows.items()]
        return self._default.tobytes() + b"".join(rows)
