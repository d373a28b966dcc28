"""Elements dropped by chance and the rest rescaled: what DARE (arXiv 2311.03099) does and DELLA varies.

Whether an element is kept depends on the seed, the method, the names of task and tensor, and the element's index, so
any chunk of a tensor can be computed alone, by any number of workers, in any order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.methods.part import Array, Doubles, Part
from taskvec.numerics.consensus import drop


def dropped(part: Part, method: str, seed: int, keep: Sequence[Array | float]) -> Array:
    """Return the rows with elements dropped by chance.

    Args:
        part: The rows.
        method: Whose masks: methods with equal seeds have different ones.
        seed: The key.
        keep: For each row the chance that an element is kept, one number or ``(n,)``.

    Returns:
        ``(T, n)``, of the rows' dtype.
    """
    out = np.empty_like(part.rows)
    for t, row in enumerate(part.rows):
        chance = np.atleast_1d(np.asarray(keep[t], np.float64))
        drop(row, _key(seed, method, part.names[t], part.tensor), part.first, chance, out[t])
    return out


def l1_sums(rows: Array, masked: Array) -> Doubles:
    """Return what Σ|τ| before and after masking is added up from, ``(2T, n)``."""
    terms: Doubles = np.empty((2 * len(rows), rows.shape[1]))
    np.abs(rows, out=terms[: len(rows)])
    np.abs(masked, out=terms[len(rows) :])
    return terms


def l1_ratios(sums: Doubles) -> Doubles:
    """Return Σ|τ| before masking over that after it, mergekit's rescaling; 1 where one of them is nothing.

    Args:
        sums: What :func:`l1_sums` added up to, ``(2T,)``.

    Returns:
        ``(T,)``.
    """
    before, after = sums.reshape(2, -1)
    is_something = (before >= _NOTHING) & (after >= _NOTHING)
    return np.where(is_something, before / np.where(is_something, after, 1.0), 1.0)


def _key(seed: int, method: str, task: str, tensor: str) -> NDArray[np.uint64]:
    digest = blake3(f"{seed}\0{method}\0{task}\0{tensor}".encode()).digest(length=16)
    return np.frombuffer(digest, "<u8").astype(np.uint64)


_NOTHING = 1e-7
