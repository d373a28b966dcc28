"""The kernel of how much the softmax of rows changes: exponentials and logarithms in loops that processors vectorise.

Those of the C library are calls, one a number, which no processor does several of at once. These are the same series
in float64, true to two units in the last place: e^x by Taylor's to the twelfth power around the nearest multiple of
log 2, log x by fdlibm's around the nearest power of 2. What to double them by is put into the bits of the exponent.
"""

from __future__ import annotations

import functools
from functools import partial

import numpy as np

from taskvec.numerics.compiling import compiled

_STEP = 512
_FLOOR = 1e-8
_PER_LOG_2 = 1.4426950408889634
_LOG_2_HIGH = 6.93147180369123816490e-01  # with so few bits that whole multiples are exact
_LOG_2_LOW = 1.90821492927058770002e-10
_LEAST_EXPONENT = -708.0  # below it e^x has no normal number
_ROUNDING = 1.5 * 2.0**52  # a number added to it becomes whole, and stands in its last bits
_ROUNDING_BITS = 0x4338000000000000
_MANTISSA = np.uint64(52)
_MANTISSA_MASK = np.uint64(0x000FFFFFFFFFFFFF)
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # the bits of √½
_BIAS = 1024
_BIASED = np.uint64(_BIAS << 52)
_UNBIASED = np.uint64(_ROUNDING_BITS - _BIAS)


@functools.cache
def warm_up() -> None:
    """Load (the first time: compile) this kernel, so that the memory that it takes is known before planning."""
    row = np.zeros(1, np.float32)
    changes_by_divergence(row, row, 1, row.copy())


@partial(compiled, error_model="numpy")
def changes_by_divergence(base, delta, length, out):  # type: ignore[no-untyped-def]
    """Write to ``out`` |δ| · KL(softmax(θ + δ) ‖ softmax θ) of the row, at least 0.

    To every probability 1e-8 is added, as mergekit does. Arithmetic is float64, rounded once to the dtype of ``out``.

    Args:
        base: θ, float32 or float64 ``(n,)``, whole rows.
        delta: δ, ``(n,)``.
        length: Elements of a row.
        out: ``(n,)``.
    """
    old = np.empty(length)
    new = np.empty(length)
    scratch = np.empty(length)
    for begin in range(0, base.size, length):
        row = delta[begin : begin + length]
        _add(base[begin : begin + length], row, old, new)
        _exponentials(old, scratch)
        _exponentials(new, scratch)
        divergence = max(_divergence(old, new), 0.0)
        weighted = out[begin : begin + length]
        for i in range(length):
            weighted[i] = abs(np.float64(row[i])) * divergence


@partial(compiled, error_model="numpy")
def _add(base, delta, old, new):  # type: ignore[no-untyped-def]
    for i in range(base.size):
        old[i] = np.float64(base[i])
        new[i] = old[i] + np.float64(delta[i])


@partial(compiled, error_model="numpy")
def _exponentials(row, scratch):  # type: ignore[no-untyped-def]
    """Replace a row by e^x, all divided by the largest."""
    largest = -np.inf
    for i in range(row.size):
        largest = max(largest, row[i])
    for i in range(row.size):
        x = max(row[i] - largest, _LEAST_EXPONENT)
        rounded = x * _PER_LOG_2 + _ROUNDING
        scratch[i] = rounded
        powers = rounded - _ROUNDING
        rest = (x - powers * _LOG_2_HIGH) - powers * _LOG_2_LOW
        value = 1.0 / 479001600.0
        value = value * rest + 1.0 / 39916800.0
        value = value * rest + 1.0 / 3628800.0
        value = value * rest + 1.0 / 362880.0
        value = value * rest + 1.0 / 40320.0
        value = value * rest + 1.0 / 5040.0
        value = value * rest + 1.0 / 720.0
        value = value * rest + 1.0 / 120.0
        value = value * rest + 1.0 / 24.0
        value = value * rest + 1.0 / 6.0
        value = value * rest + 0.5
        value = value * rest + 1.0
        row[i] = value * rest + 1.0
    bits, exponents = row.view(np.uint64), scratch.view(np.uint64)
    for i in range(row.size):
        bits[i] += exponents[i] << _MANTISSA


@partial(compiled, error_model="numpy")
def _divergence(old, new):  # type: ignore[no-untyped-def]
    """Return Σ (p log(p / q) − p + q), p and q being ``new`` and ``old`` over their sums, and a floor.

    p and q have one sum, so this is the divergence; but no term is negative, and how the sums were rounded, which the
    divergence of a small change would be lost in, cancels.
    """
    ratios = np.empty(_STEP)
    scratch = np.empty(_STEP)
    to_old, to_new = 1.0 / _sum(old), 1.0 / _sum(new)
    total = 0.0
    for start in range(0, old.size, _STEP):
        q, p = old[start : start + _STEP], new[start : start + _STEP]
        ratio = ratios[: p.size]
        for i in range(p.size):
            p[i] = p[i] * to_new + _FLOOR
            q[i] = q[i] * to_old + _FLOOR
            ratio[i] = p[i] / q[i]
        _logarithms(ratio, scratch)
        for i in range(p.size):
            ratio[i] = p[i] * ratio[i] - (p[i] - q[i])
        total += _sum(ratio)
    return total


@partial(compiled, error_model="numpy")
def _logarithms(row, scratch):  # type: ignore[no-untyped-def]
    """Replace normal positive numbers by their logarithms; ``scratch`` is at least as long."""
    bits, exponents = row.view(np.uint64), scratch.view(np.uint64)
    for i in range(row.size):
        above = bits[i] - _ROOT_HALF + _BIASED  # an unsigned shift: a signed one is not vectorised everywhere
        exponents[i] = (above >> _MANTISSA) + _UNBIASED
        bits[i] = (above & _MANTISSA_MASK) + _ROOT_HALF
    for i in range(row.size):
        powers = scratch[i] - _ROUNDING
        more = row[i] - 1.0
        s = more / (2.0 + more)
        square = s * s
        rest = 1.479819860511658591e-01
        rest = rest * square + 1.531383769920937332e-01
        rest = rest * square + 1.818357216161805012e-01
        rest = rest * square + 2.222219843214978396e-01
        rest = rest * square + 2.857142874366239149e-01
        rest = rest * square + 3.999999999940941908e-01
        rest = rest * square + 6.666666666666735130e-01
        half = 0.5 * more * more
        row[i] = powers * _LOG_2_HIGH - ((half - (s * (half + rest * square) + powers * _LOG_2_LOW)) - more)


@partial(compiled, fastmath={"reassoc"})
def _sum(row):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(row.size):
        total += row[i]
    return total
