"""Random numbers with the same bits on every machine, from any offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_WORDS = 4  # random words for each step of the counter, one word an element
_TILE = 1 << 15  # elements made at once, a multiple of _WORDS


@dataclass(frozen=True, slots=True)
class RandomElements:
    """Independent float32 elements of mean 0 and variance 1, the same bits on every machine and from any offset.

    Element i is (number of ones among the 64 bits of word i − 32) / 4, of a counter-based generator: a binomial so near
    the normal distribution that directions cannot tell, and exact, where logarithms differ between processors.

    Attributes:
        key: The generator's key.
    """

    key: int

    def warm_up(self) -> None:
        """Do nothing: no compiled code is called."""

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        start = offset // values.itemsize
        for tile in range(start, start + len(values), _TILE):
            stop = min(tile + _TILE, start + len(values))
            first = tile // _WORDS * _WORDS
            words = np.random.Philox(key=self.key, counter=first // _WORDS).random_raw(stop - first)
            ones = np.bitwise_count(words[tile - first :]).astype(np.float32)
            values[tile - start : stop - start] = (ones - 32) / 4
