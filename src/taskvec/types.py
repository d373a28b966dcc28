"""The small vocabulary that every floor shares: dtypes, grains and tensor descriptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

Shape = tuple[int, ...]


class Grain(StrEnum):
    """How much of a tensor must be seen at once: any elements, whole rows, or all of it."""

    ELEMENTS = "elements"
    ROWS = "rows"
    TENSOR = "tensor"


class DType(StrEnum):
    """Element types, spelled as safetensors spells them."""

    F64 = "F64"
    F32 = "F32"
    F16 = "F16"
    BF16 = "BF16"
    F8_E4M3 = "F8_E4M3"
    F8_E5M2 = "F8_E5M2"
    I64 = "I64"
    I32 = "I32"
    I16 = "I16"
    I8 = "I8"
    U64 = "U64"
    U32 = "U32"
    U16 = "U16"
    U8 = "U8"
    BOOL = "BOOL"

    @cached_property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.storage.itemsize

    @cached_property
    def is_combinable(self) -> bool:
        """Whether arithmetic applies; all other dtypes are copied when equal, never combined."""
        return self in _COMBINABLE

    @cached_property
    def storage(self) -> np.dtype[np.generic]:
        """The plain numpy dtype that holds the raw bits; bfloat16 and float8 are unsigned integers here."""
        return _STORAGE[self]

    @classmethod
    def from_option(cls, text: str) -> DType:
        """Parse ``bf16``, ``f16``, ``f32``, or the torch spellings ``bfloat16``, ``float16``, ``float32``.

        Raises:
            ValueError: If the text is no dtype that an output can have.
        """
        name = _SPELLINGS.get(text.lower(), text.upper())
        if name not in {"BF16", "F16", "F32"}:
            raise ValueError(f"unknown dtype {text!r}: use bf16, f16 or f32")
        return cls(name)


_COMBINABLE = frozenset({DType.F32, DType.F16, DType.BF16, DType.F8_E4M3, DType.F8_E5M2})
_SPELLINGS = {"bfloat16": "BF16", "float16": "F16", "half": "F16", "float32": "F32", "float": "F32"}
_STORAGE: dict[DType, np.dtype[np.generic]] = {
    DType.F64: np.dtype("<f8"),
    DType.F32: np.dtype("<f4"),
    DType.F16: np.dtype("<f2"),
    DType.BF16: np.dtype("<u2"),
    DType.F8_E4M3: np.dtype("u1"),
    DType.F8_E5M2: np.dtype("u1"),
    DType.I64: np.dtype("<i8"),
    DType.I32: np.dtype("<i4"),
    DType.I16: np.dtype("<i2"),
    DType.I8: np.dtype("i1"),
    DType.U64: np.dtype("<u8"),
    DType.U32: np.dtype("<u4"),
    DType.U16: np.dtype("<u2"),
    DType.U8: np.dtype("u1"),
    DType.BOOL: np.dtype("u1"),
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a header says about one tensor.

    Attributes:
        name: The key in the checkpoint.
        dtype: The element type as stored.
        shape: Dimensions; ``()`` is a scalar, a zero anywhere an empty tensor.
    """

    name: str
    dtype: DType
    shape: Shape

    @property
    def num_params(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the raw data."""
        return self.num_params * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.name} {self.dtype}{list(self.shape)}"
