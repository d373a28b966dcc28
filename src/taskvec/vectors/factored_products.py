"""Inner products of deltas that are sums of products of thin factors, without multiplying any of them out.

⟨B₁A₁, B₂A₂⟩ = Σ (B₁ᵀB₂) ∘ (A₁A₂ᵀ): for T vectors of R columns in all and an m × n matrix, O((m + n)·R²) operations in
place of O(m·n·T²), and every factor is read once for each block of vectors that it meets. Float64 throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.products import Product
from taskvec.numerics.one_thread import one_thread_each
from taskvec.streaming import AlignedTensor
from taskvec.vectors.forms import Form, LowRank

Matrix = NDArray[np.float64]

_BLOCK_BYTES = 8 << 20
"""Factors in memory at once, for each of two blocks of vectors; a single vector may need more."""


def is_factored(tensor: AlignedTensor, forms: Sequence[Form]) -> bool:
    """Say whether every one of some forms is zero or a sum of products in a tensor."""
    return all(isinstance(form, LowRank) and form.products(tensor.name) is not None for form in forms)


def factors_of(form: Form, tensor: str) -> tuple[Product, ...]:
    """Return the products that a form is the sum of in a tensor, where it is one; else nothing."""
    return (form.products(tensor) or ()) if isinstance(form, LowRank) else ()


def num_columns(tensor: AlignedTensor, forms: Sequence[Form]) -> int:
    """Return the columns of the factors of some forms side by side."""
    return sum(product.rank for form in forms for product in factors_of(form, tensor.name))


def factored_products(tensor: AlignedTensor, forms: Sequence[Form], num_rows: int) -> Matrix:
    """Return the inner products of the first R of S forms with all, in one tensor.

    Args:
        tensor: The tensor.
        forms: The S forms, all factored in it.
        num_rows: R.

    Returns:
        Float64 ``(R, S)``.
    """
    terms = [factors_of(form, tensor.name) for form in forms]
    total = np.zeros((num_rows, len(forms)))
    rows, columns = list(_blocks(terms[:num_rows])), list(_blocks(terms))
    with one_thread_each():
        for first in rows:
            held = _Block.read(first, terms)
            for second in columns:
                other = held if second == first else _Block.read(second, terms)
                total[first.start : first.stop, second.start : second.stop] = held.products(other)
    return total


@dataclass(frozen=True)
class _Block:
    """The factors of some vectors side by side, and how many columns each vector has."""

    left: Matrix
    right: Matrix
    ends: tuple[int, ...]

    @classmethod
    def read(cls, which: range, terms: Sequence[tuple[Product, ...]]) -> _Block:
        products = [product for index in which for product in terms[index]]
        ends = np.cumsum([sum(product.rank for product in terms[index]) for index in which])
        if not products:
            return cls(np.zeros((0, 0)), np.zeros((0, 0)), tuple(ends.tolist()))
        left = np.concatenate([product.scaled_left().astype(np.float64) for product in products], axis=1)
        right = np.concatenate([product.right.whole().astype(np.float64) for product in products])
        return cls(left, right, tuple(ends.tolist()))

    def products(self, other: _Block) -> Matrix:
        if not self.left.size or not other.left.size:
            return np.zeros((len(self.ends), len(other.ends)))
        both = (self.left.T @ other.left) * (self.right @ other.right.T)
        return _summed(_summed(both, self.ends).T, other.ends).T


def _summed(rows: Matrix, ends: Sequence[int]) -> Matrix:
    """Add up the rows that belong to each vector; a vector without rows has zeros."""
    starts = [0, *ends[:-1]]
    return np.stack([rows[start:stop].sum(axis=0) for start, stop in zip(starts, ends, strict=True)])


def _blocks(terms: Sequence[tuple[Product, ...]]) -> Iterator[range]:
    """Cut vectors into runs whose factors fit in a block."""
    start = filled = 0
    for index, products in enumerate(terms):
        size = sum(8 * product.rank * sum(product.shape) for product in products)
        if index > start and filled + size > _BLOCK_BYTES:
            yield range(start, index)
            start, filled = index, 0
        filled += size
    if len(terms) > start:
        yield range(start, len(terms))
