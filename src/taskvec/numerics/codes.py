"""The dtypes that arithmetic applies to, as the small integers that compiled kernels branch on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.types import DType

F32, F16, BF16, F8_E4M3, F8_E5M2, NONE = 0, 1, 2, 3, 4, -1

_CODES = {
    DType.F32: F32,
    DType.F16: F16,
    DType.BF16: BF16,
    DType.F8_E4M3: F8_E4M3,
    DType.F8_E5M2: F8_E5M2,
}


def dtype_code(dtype: DType | None) -> int:
    """Return the kernel code of a dtype that arithmetic applies to; ``NONE`` stands for an absent tensor."""
    return NONE if dtype is None else _CODES[dtype]


def dtype_codes(dtypes: Sequence[DType]) -> NDArray[np.int64]:
    """Return the kernel codes of several dtypes, shape ``(S,)``."""
    return np.array([_CODES[dtype] for dtype in dtypes], dtype=np.int64)
