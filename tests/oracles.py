"""What the answers should be: dense float64 arithmetic on whole models, with nothing streamed, fused or rounded early.

A model is a mapping from names to arrays; a delta is float64; V stacks the flattened deltas of T tasks, ``(P, T)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import open_checkpoint
from taskvec.testing.checkpoints import LOGICAL, Array, raw_bits
from taskvec.testing.families import Family

Dense = NDArray[np.float64]
Arrays = Mapping[str, Array]
COMBINABLE = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


def load(ref: Path) -> dict[str, Array]:
    """Read a checkpoint, each tensor in the numpy dtype that its values have."""
    with open_checkpoint(ref) as checkpoint:
        return {
            name: np.frombuffer(checkpoint.read(name).tobytes(), LOGICAL[info.dtype]).reshape(info.shape)
            for name, info in checkpoint.tensors.items()
        }


def bits(arrays: Arrays) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (str(array.dtype), array.shape, raw_bits(array).tobytes()) for name, array in arrays.items()}


def combinable(arrays: Arrays) -> list[str]:
    return [name for name, array in arrays.items() if array.dtype in COMBINABLE]


def delta(base: Arrays, finetuned: Arrays) -> dict[str, Dense]:
    """τ = θ_finetuned − θ_base of each combinable tensor."""
    return {name: finetuned[name].astype(np.float64) - base[name].astype(np.float64) for name in combinable(base)}


def flat(deltas: Mapping[str, Dense]) -> Dense:
    return np.concatenate([values.reshape(-1) for values in deltas.values()])


def matrix(family: Family, names: Sequence[str] | None = None) -> Dense:
    """V, ``(P, T)``."""
    chosen = family.names if names is None else names
    return np.column_stack([flat(delta(family.base, family.finetuned[name])) for name in chosen])


def gram(family: Family, names: Sequence[str] | None = None) -> Dense:
    v = matrix(family, names)
    return v.T @ v


def cosine(family: Family) -> Dense:
    g = gram(family)
    norms = np.sqrt(np.diag(g))
    return g / np.outer(norms, norms)


def combination(
    base: Arrays, deltas: Sequence[Mapping[str, Dense]], coefficients: Sequence[float], dtype: np.dtype | None = None
) -> dict[str, Array]:
    """θ + Σ coefficient · delta in float64, rounded once to ``dtype`` or to the base's own; the rest is copied."""
    result = dict(base)
    for name in combinable(base):
        total = base[name].astype(np.float64)
        for coefficient, values in zip(coefficients, deltas, strict=True):
            total += coefficient * values[name]
        result[name] = rounded(total, dtype or base[name].dtype)
    return result


def rounded(values: Dense, dtype: np.dtype) -> Array:
    """Round float64 once, to nearest even; by way of float32 only where that cannot round twice."""
    if dtype != ml_dtypes.bfloat16:
        return np.asarray(values, dtype)
    odd = np.asarray(values, np.float32)
    towards = np.where(values > odd, np.float32(np.inf), np.float32(-np.inf))
    is_even = (odd.view(np.uint32) & 1) == 0
    sticky = np.where((odd != values) & is_even, np.nextafter(odd, towards), odd)  # round to odd, then to nearest
    return sticky.astype(dtype)


_FRACTION_BITS = {np.dtype(np.float32): (23, -149), np.dtype(np.float16): (10, -24), COMBINABLE[2]: (7, -133)}


def spacing(values: Array) -> Dense:
    """The distance between neighbouring numbers of the dtype, at each value."""
    bits_of_fraction, least = _FRACTION_BITS[values.dtype]
    _, exponents = np.frexp(values.astype(np.float64))
    own = np.where(values == 0, least, exponents - 1 - bits_of_fraction)
    return np.exp2(np.maximum(own, least).astype(np.float64))


def assert_rounded_once(found: Array, exact: Dense, magnitude: Dense | float, *, what: str) -> None:
    """Check that values are the exact ones summed in float32 and rounded once to nearest.

    ``magnitude`` is the sum of the absolute values of what was added up: float32 may be off by a few 2⁻²⁴ of it, so
    that only what lies that close to a tie can fall on its other side.
    """
    errors = np.abs(found.astype(np.float64) - exact)
    allowed = spacing(found) / 2 + 2.0**-22 * np.asarray(magnitude)
    assert (errors <= allowed).all(), (
        f"{what}: {np.count_nonzero(errors > allowed)} of {errors.size} are not rounded once"
    )


def optimal_errors(v: Dense) -> Dense:
    """√(Σ_{i>M} σᵢ² / Σ σᵢ²) for M = 1 … T, from the singular values of V itself."""
    squares = np.linalg.svd(v, compute_uv=False) ** 2
    tails = np.append(np.cumsum(squares[::-1])[::-1][1:], 0.0)
    return np.sqrt(tails / squares.sum())


def relative_error(recovered: Dense, truth: Dense) -> float:
    return float(np.linalg.norm(recovered - truth) / np.linalg.norm(truth))


def assert_close(found: Dense, expected: Dense, *, relative: float, what: str) -> None:
    """Compare matrices on the scale of the largest entry, and say where they differ most."""
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    errors = np.abs(np.asarray(found) - expected) / scale
    worst = float(errors.max(initial=0.0))
    assert worst <= relative, (
        f"{what}: off by {worst:.2e} of {scale:.3g} at {np.unravel_index(int(errors.argmax()), errors.shape)}"
    )
