"""The fused kernels of a streamed pass, on one chunk of T aligned tensors.

Inputs are raw rows as read from disk, :class:`taskvec.numerics.rows.Rows`. Work goes in tiles that stay in cache,
always cut at multiples of ``TILE`` elements from the start of the tensor, so that no sum depends on the chunk size.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from taskvec.numerics.codes import NONE
from taskvec.numerics.compiling import compiled
from taskvec.numerics.rounding import round_into, widen

TILE = 4096
"""Elements a kernel works on at once."""

LANES = 4
"""Rows that the Gram kernel keeps in registers together; row counts are padded with zeros to a multiple."""


def padded(rows: int) -> int:
    """Return the number of rows rounded up to a multiple of ``LANES``."""
    return -(-rows // LANES) * LANES


@compiled
def load_deltas(rows, start, stop, anchor, deltas):  # type: ignore[no-untyped-def]
    """Write elements ``start … stop`` of the buffers' deltas to ``deltas``, float32 ``(S, ≥ stop − start)``."""
    count = stop - start
    if rows.base_code != NONE:
        widen(rows.base, rows.base_code, start, stop, anchor)
    for s in range(rows.codes.size):
        row = deltas[s, :count]
        widen(rows.raw[s], rows.codes[s], start, stop, row)
        if rows.centered[s]:
            for i in range(count):
                row[i] -= anchor[i]


@compiled
def mixed_row(deltas, weights, count, scratch):  # type: ignore[no-untyped-def]
    """Return Σ_s weights[s] · deltas[s, :count], in ``scratch``; one delta alone is returned itself, bit for bit."""
    only = -1
    others = 0
    for s in range(weights.size):
        if weights[s] == np.float32(1.0) and only < 0:
            only = s
        elif weights[s] != np.float32(0.0):
            others += 1
    if only >= 0 and others == 0:
        return deltas[only, :count]
    row = scratch[:count]
    row[:] = np.float32(0.0)
    for s in range(weights.size):
        if weights[s] != np.float32(0.0):
            for i in range(count):
                row[i] += weights[s] * deltas[s, i]
    return row


@compiled
def deltas_of(rows, out):  # type: ignore[no-untyped-def]
    """Write the deltas of one chunk to ``out``, float32 ``(S, count)``."""
    anchor = np.empty(rows.size, np.float32)
    load_deltas(rows, rows.first, rows.first + rows.size, anchor, out)


@compiled
def combine(rows, coefficients, base_coefficient, out_code, out):  # type: ignore[no-untyped-def]
    """Round ``base_coefficient · base + Σ_s coefficients[s] · delta_s`` into ``out``, accumulated in float32.

    The deltas are added up first: they are small beside the base, which would swallow their last bits one by one. Where
    they add up to zero the base comes through bit for bit, its negative zeros too.

    Returns:
        False if a result is not finite, which any non-finite input causes.
    """
    anchor = np.zeros(TILE, np.float32)
    total = np.empty(TILE, np.float32)
    value = np.empty(TILE, np.float32)
    finite = True
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        if rows.base_code != NONE:
            widen(rows.base, rows.base_code, at, at + size, anchor)
        total[:size] = np.float32(0.0)
        for s in range(rows.codes.size):
            weight = coefficients[s]
            widen(rows.raw[s], rows.codes[s], at, at + size, value)
            if rows.centered[s]:
                for i in range(size):
                    total[i] += weight * (value[i] - anchor[i])
            else:
                for i in range(size):
                    total[i] += weight * value[i]
        for i in range(size):
            kept = base_coefficient * anchor[i]
            total[i] = kept + total[i] if total[i] != np.float32(0.0) else kept
        finite &= round_into(total[:size], out_code, start, out)
    return finite


@compiled
def gram(rows, num_rows, total):  # type: ignore[no-untyped-def]
    """Add the inner products of the first ``num_rows`` deltas with all S to ``total``, float64 ``(R, S)`` padded."""
    anchor = np.empty(TILE, np.float32)
    deltas = np.zeros((total.shape[1], TILE), np.float32)
    symmetric = num_rows == rows.codes.size
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, deltas)
        _add_products(deltas, size, symmetric, total)


@compiled
def project(rows, encoder, out_code, out, total):  # type: ignore[no-untyped-def]
    """Round the atoms ``encoder @ deltas`` into ``out`` and add their inner products to ``total``.

    ``encoder`` is float32 ``(M, S)``; ``out`` is uint8 ``(M, W)``; ``total`` is float64 ``(M, M + S)``, padded: the
    inner products of the atoms *as rounded* with themselves and with the deltas.

    Returns:
        False if an atom is not finite.
    """
    num_atoms = encoder.shape[0]
    anchor = np.empty(TILE, np.float32)
    both = np.zeros((total.shape[1], TILE), np.float32)
    finite = True
    for start in range(0, rows.size, TILE):
        size = min(TILE, rows.size - start)
        at = rows.first + start
        load_deltas(rows, at, at + size, anchor, both[num_atoms:])
        _mix(both, encoder, size)
        for m in range(num_atoms):
            atom = both[m, :size]
            finite &= round_into(atom, out_code, start, out[m])
            widen(out[m], out_code, start, start + size, atom)
        _add_products(both, size, False, total)
    return finite


@compiled
def _mix(rows, encoder, size):  # type: ignore[no-untyped-def]
    """Write ``encoder @ deltas`` to the first M rows; deltas are the rows after them.

    Each element adds its sources one after another, from zero, whichever of them are added in one go.
    """
    num_atoms, num_sources = encoder.shape
    deltas = rows[num_atoms:]
    rows[:num_atoms, :size] = np.float32(0.0)
    paired = num_atoms - num_atoms % 2
    grouped = num_sources - num_sources % 4
    for m in range(0, paired, 2):
        for s in range(0, grouped, 4):
            _add_four_to_two(rows[m, :size], rows[m + 1, :size], encoder[m, s:], encoder[m + 1, s:], deltas[s:], size)
    for m in range(num_atoms):
        atom = rows[m, :size]
        for s in range(grouped if m < paired else 0, num_sources):
            weight = encoder[m, s]
            delta = deltas[s]
            for i in range(size):
                atom[i] += weight * delta[i]


@compiled
def _add_four_to_two(first, second, u, v, deltas, size):  # type: ignore[no-untyped-def]
    """Add four weighted deltas to each of two atoms: six loads and two stores in place of sixteen and eight."""
    d0, d1, d2, d3 = deltas[0, :size], deltas[1, :size], deltas[2, :size], deltas[3, :size]
    u0, u1, u2, u3 = u[0], u[1], u[2], u[3]
    v0, v1, v2, v3 = v[0], v[1], v[2], v[3]
    for i in range(size):
        x0, x1, x2, x3 = d0[i], d1[i], d2[i], d3[i]
        first[i] = (((first[i] + u0 * x0) + u1 * x1) + u2 * x2) + u3 * x3
        second[i] = (((second[i] + v0 * x0) + v1 * x1) + v2 * x2) + v3 * x3


@partial(compiled, fastmath={"reassoc", "contract"})
def _add_products(rows, size, symmetric, total):  # type: ignore[no-untyped-def]
    for i in range(0, total.shape[0], LANES):
        a0, a1, a2, a3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(0, i + LANES if symmetric else total.shape[1], LANES):
            b0, b1, b2, b3 = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = 0.0
            for k in range(size):
                x0, x1, x2, x3 = np.float64(a0[k]), np.float64(a1[k]), np.float64(a2[k]), np.float64(a3[k])
                y0, y1, y2, y3 = np.float64(b0[k]), np.float64(b1[k]), np.float64(b2[k]), np.float64(b3[k])
                s00 += x0 * y0
                s01 += x0 * y1
                s02 += x0 * y2
                s03 += x0 * y3
                s10 += x1 * y0
                s11 += x1 * y1
                s12 += x1 * y2
                s13 += x1 * y3
                s20 += x2 * y0
                s21 += x2 * y1
                s22 += x2 * y2
                s23 += x2 * y3
                s30 += x3 * y0
                s31 += x3 * y1
                s32 += x3 * y2
                s33 += x3 * y3
            _add_row(total[i], j, s00, s01, s02, s03)
            _add_row(total[i + 1], j, s10, s11, s12, s13)
            _add_row(total[i + 2], j, s20, s21, s22, s23)
            _add_row(total[i + 3], j, s30, s31, s32, s33)


@compiled
def _add_row(row, j, s0, s1, s2, s3):  # type: ignore[no-untyped-def]
    row[j] += s0
    row[j + 1] += s1
    row[j + 2] += s2
    row[j + 3] += s3
