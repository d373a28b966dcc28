"""The leading singular directions of one large matrix: exact where it is small, else by a checked range finder.

The range finder is a block Krylov iteration (Halko, Martinsson, Tropp, arXiv 0909.4061; Musco, Musco, arXiv
1504.05477). With Q an orthonormal basis of the blocks and B = QᵀW = ÛSVᵀ, the triplets U = QÛ, S, V satisfy WᵀU = VS
exactly, and WV − US = (I − QQᵀ)WV is what remains. They are exact singular triplets of W − (WV − US)Vᵀ; the relative
size of that remainder is the error that is checked *after* the fact. The next block is W times the last rows of B, so
the check costs nothing beyond it. Errors fall by a factor a block, faster and faster; where the last factor would not
bring the error down before Q is two fifths of the matrix, the exact way is taken at once.

Cost for rank r and b blocks: about 4·b·r·m·n operations, beside m·n for the matrix itself (m + n)·b·r numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.linalg.subspaces.operators import Operator, operator_for
from taskvec.linalg.subspaces.precise import shorter_gram, squared_norm, times, transposed_times
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.numerics.random import RandomElements

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

EXACT_SIDE = 512
"""Matrices whose shorter side is at most this are decomposed exactly."""

TOLERANCE = 1e-3
"""Allowed ‖WV − US‖_F / ‖S‖_F of what is kept."""

_OVERSAMPLING = 10
_COLUMN_BYTES = 2 * 8  # of an element of a basis, and of its copy while it grows
_FIRST_GUESS = 32  # columns of a block where the rule names no rank
_MOST, _MOST_FOR_ENERGY = 2 / 5, 1 / 8  # of the shorter side: a larger basis costs as much as the exact way


def search_bytes(shape: tuple[int, int], rank: int) -> int:
    """Return the most that looking for directions holds beside the matrix."""
    if min(shape) <= EXACT_SIDE:
        return _exact_bytes(shape)
    return max(_exact_bytes(shape), _COLUMN_BYTES * sum(shape) * (_most_columns(shape, rank) + rank))


def _exact_bytes(shape: tuple[int, int]) -> int:
    return 4 * 8 * min(shape) ** 2


def _most_columns(shape: tuple[int, int], rank: int) -> int:
    """Return how large a basis may become: for long matrices, not beyond the memory of the exact way."""
    short = min(shape)
    affordable = _exact_bytes(shape) // (_COLUMN_BYTES * sum(shape)) - rank
    return max(int(short * _MOST_FOR_ENERGY), min(int(short * _MOST), affordable))


@dataclass(frozen=True)
class SingularFactors:
    """W ≈ U diag(S) Vᵀ, cut by a rank rule.

    Attributes:
        left: U, ``(m, r)``.
        values: S, ``(r,)``, decreasing.
        right: V, ``(n, r)``.
        energy: ‖W‖_F².
        error: ‖WV − US‖_F / ‖S‖_F: the factors are exact for a matrix so near to W.
        is_exact: Whether the exact way was taken.
    """

    left: Matrix
    values: Matrix
    right: Matrix
    energy: float
    error: float
    is_exact: bool

    @property
    def rank(self) -> int:
        """How many were kept, r."""
        return len(self.values)


def singular_factors(
    matrix: Single,
    rule: RankRule,
    *,
    key: str = "",
    device: str = "cpu",
    exact_side: int = EXACT_SIDE,
    tolerance: float = TOLERANCE,
    threads: int = 1,
) -> SingularFactors:
    """Return the leading singular directions of a matrix.

    Args:
        matrix: W, float32 ``(m, n)``.
        rule: How many are kept; directions that float32 cannot tell from zero never are.
        key: Names the random numbers; equal keys give equal results.
        device: Where to multiply.
        exact_side: Take the exact way up to this shorter side.
        tolerance: The allowed error.
        threads: How many may multiply at once while a range is searched; results do not depend on it.

    Returns:
        The factors; of rank 0 where W is zero.
    """
    energy = squared_norm(matrix)
    if energy <= 0:
        return SingularFactors(
            np.zeros((matrix.shape[0], 0)), np.zeros(0), np.zeros((matrix.shape[1], 0)), 0.0, 0.0, is_exact=True
        )
    if min(matrix.shape) > exact_side:
        found = _RangeFinder(matrix, rule, energy, operator_for(matrix, device, threads)).find(key, tolerance)
        if found is not None:
            return found
    return _exact_factors(matrix, rule, energy)


def _exact_factors(matrix: Single, rule: RankRule, energy: float) -> SingularFactors:
    """Take eigenvectors of the smaller Gram matrix in float64, which resolves what float32 can hold."""
    squares, vectors = _decreasing(shorter_gram(matrix))
    rank = _rank(squares, rule, energy, matrix.shape)
    rank = _significant(squares, matrix.shape) if rank is None else rank
    values, near = np.sqrt(squares[:rank]), np.ascontiguousarray(vectors[:, :rank])
    is_left = matrix.shape[0] < matrix.shape[1]
    far = (transposed_times(matrix, near) if is_left else times(matrix, near)) / values
    left, right = (near, far) if is_left else (far, near)
    return SingularFactors(left, values, right, energy, 0.0, is_exact=True)


class _RangeFinder:
    """The blocks of one matrix: Q, B = QᵀW and BBᵀ, which grow until the check holds."""

    def __init__(self, matrix: Single, rule: RankRule, energy: float, operator: Operator) -> None:
        self._operator = operator
        self._shape: tuple[int, int] = (matrix.shape[0], matrix.shape[1])
        self._rule = rule
        self._energy = energy
        self._range = np.zeros((matrix.shape[0], 0))
        self._rows = np.zeros((0, matrix.shape[1]))
        self._gram = np.zeros((0, 0))

    def find(self, key: str, tolerance: float) -> SingularFactors | None:
        """Return the factors; None where the exact way costs less."""
        width = (self._rule.rank or _FIRST_GUESS) + _OVERSAMPLING
        most, last = _most_columns(self._shape, self._rule.most(min(self._shape))), math.inf
        block = self._operator.times(_random(self._shape[1], width, key))
        while self._range.shape[1] + width <= most:
            block = self._operator.times(self._add(block).T)
            block -= self._range @ (self._range.T @ block)
            found = self._factors(block)
            if found is None:  # the energy that is asked for is not reached yet
                most = min(most, int(min(self._shape) * _MOST_FOR_ENERGY))
                continue
            if found.error <= tolerance:
                return found
            if self._range.shape[1] + width * _blocks_to(tolerance, found.error, last) > most:
                return None
            last = found.error
        return None

    def _add(self, block: Matrix) -> Matrix:
        """Take in what a block adds to Q; return the rows that it adds to B."""
        fresh = np.linalg.qr(block - self._range @ (self._range.T @ block))[0]
        fresh -= self._range @ (self._range.T @ fresh)
        fresh = np.linalg.qr(fresh)[0]
        rows = self._operator.transposed_times(fresh).T
        corner = self._rows @ rows.T
        self._gram = np.block([[self._gram, corner], [corner.T, rows @ rows.T]])
        self._range = np.concatenate([self._range, fresh], axis=1)
        self._rows = np.concatenate([self._rows, rows])
        return rows

    def _factors(self, outside: Matrix) -> SingularFactors | None:
        """Return what is known; ``outside`` is (I − QQᵀ)W times the last rows of B, transposed."""
        squares, vectors = _decreasing(self._gram)
        rank = _rank(squares, self._rule, self._energy, self._shape)
        if rank is None:
            return None
        values, mixing = np.sqrt(squares[:rank]), vectors[:, :rank]
        remainder = outside @ mixing[-outside.shape[1] :] / values
        error = float(np.linalg.norm(remainder) / np.linalg.norm(values))
        left, right = self._range @ mixing, self._rows.T @ mixing / values
        return SingularFactors(left, values, right, self._energy, error, is_exact=False)


def _blocks_to(tolerance: float, error: float, last: float) -> float:
    """Return how many more blocks an error takes to a tolerance if each takes away as much as the last one did."""
    if math.isinf(last):
        return 0.0
    return math.inf if error >= last else math.log(error / tolerance) / math.log(last / error)


def _random(height: int, width: int, key: str) -> Matrix:
    elements = np.empty(height * width, np.float32)
    seed = int.from_bytes(blake3(key.encode()).digest(length=16), "little")
    RandomElements(seed).read_into(0, elements.view(np.uint8).data)
    return elements.reshape(height, width).astype(np.float64)


def _decreasing(symmetric: Matrix) -> tuple[Matrix, Matrix]:
    values, vectors = np.linalg.eigh(symmetric)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _rank(squares: Matrix, rule: RankRule, energy: float, shape: tuple[int, ...]) -> int | None:
    chosen = rule.choose(squares, energy)
    return None if chosen is None else min(chosen, _significant(squares, shape))


def _significant(squares: Matrix, shape: tuple[int, ...]) -> int:
    least = max(shape) * float(np.finfo(np.float32).eps)
    return int(np.count_nonzero(squares > squares[0] * least**2))
