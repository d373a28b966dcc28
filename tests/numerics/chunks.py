"""One chunk of T aligned tensors in every mixture of dtypes, and what the three kernels should make of it."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from taskvec.numerics.codes import BF16, F16, F32, NONE
from taskvec.numerics.rows import Rows

NUMPY = {F32: np.dtype(np.float32), F16: np.dtype(np.float16), BF16: np.dtype(ml_dtypes.bfloat16)}


@dataclass(frozen=True)
class ChunkCase:
    """Dtypes of the base and of the sources, and which sources are fine-tuned models."""

    base_code: int
    codes: tuple[int, ...]
    centered: tuple[bool, ...]
    count: int
    out_code: int = F32


CASES = {
    "one tile, all float32": ChunkCase(F32, (F32, F32), (True, True), 4096),
    "one element": ChunkCase(BF16, (BF16,), (True,), 1, BF16),
    "a tile and one": ChunkCase(BF16, (BF16, BF16, BF16), (True, True, True), 4097, BF16),
    "just below two tiles": ChunkCase(F16, (F16, F16), (True, True), 8191, F16),
    "every dtype beside every other": ChunkCase(F32, (F32, F16, BF16) * 2, (True, False) * 3, 9000, BF16),
    "differences and deltas": ChunkCase(BF16, (BF16, F32, BF16, F32, F16), (True, False, True, False, False), 5000),
    "no base": ChunkCase(NONE, (BF16, F32, F16), (False, False, False), 5000, F16),
    "no source": ChunkCase(BF16, (), (), 5000, BF16),
}


@dataclass(frozen=True)
class Chunk:
    """What all kernels are given, and the exact deltas ``(S, count)`` and base ``(count,)``."""

    rows: Rows
    anchor: NDArray[np.float64]
    deltas: NDArray[np.float64]


def make_chunk(case: ChunkCase, seed: int = 0) -> Chunk:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(case.count)
    base = np.zeros(4 * case.count + 8, np.uint8)
    raw = np.zeros((len(case.codes), 4 * case.count + 8), np.uint8)
    anchor = np.zeros(case.count) if case.base_code == NONE else _store(base, values, case.base_code)
    deltas = np.empty((len(case.codes), case.count))
    for s, (code, is_centered) in enumerate(zip(case.codes, case.centered, strict=True)):
        change = 0.1 * rng.standard_normal(case.count)
        deltas[s] = _store(raw[s], values + change if is_centered else change, code) - anchor * is_centered
    arrays = (np.array(case.codes, np.int64), np.array(case.centered, np.bool_))
    return Chunk(Rows(base, case.base_code, raw, *arrays, 0, case.count), anchor, deltas)


def _store(row: NDArray[np.uint8], values: NDArray[np.float64], code: int) -> NDArray[np.float64]:
    typed = values.astype(NUMPY[code])
    row[: typed.nbytes] = typed.view(np.uint8)
    return typed.astype(np.float64)
