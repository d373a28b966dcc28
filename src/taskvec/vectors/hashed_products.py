"""What a pass that hashes and measures keeps: the digest of every block, and the sum of all inner products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.streaming import Arrays


class HashedProducts:
    """The state of one piece: a hasher for each of H rows, and room for inner products.

    Attributes:
        num_rows: H.
        products: Where a kernel adds, float64, padded.
    """

    def __init__(self, num_rows: int, shape: tuple[int, int]) -> None:
        self.num_rows = num_rows
        self.products = np.zeros(shape)
        self._hashers = [blake3() for _ in range(num_rows)]

    def hash(self, rows: Sequence[NDArray[np.uint8]], sizes: Sequence[int]) -> None:
        """Take the next bytes of every row."""
        for hasher, row, size in zip(self._hashers, rows, sizes, strict=True):
            hasher.update(row[:size].data)

    def finish(self, shape: tuple[int, int]) -> Arrays:
        """Return the digests of this block, uint8 ``(1, H, 32)``, and the products, cut to ``shape``."""
        digests = np.frombuffer(b"".join(hasher.digest() for hasher in self._hashers), np.uint8)
        return digests.reshape(1, -1, 32), np.ascontiguousarray(self.products[: shape[0], : shape[1]])


def fold_hashed(total: Arrays, part: Arrays) -> Arrays:
    """Join the digests of the next block to those before, and add its products."""
    if not total:
        return part
    return np.concatenate([total[0], part[0]]), total[1] + part[1]


def digests_of(parts: Arrays, row: int) -> NDArray[np.uint8]:
    """Return the digests of all blocks of one row, ``(blocks, 32)``."""
    digests: NDArray[np.uint8] = parts[0][:, row]
    return digests
