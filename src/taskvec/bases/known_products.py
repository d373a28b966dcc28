"""Inner products of tasks as far as a store knows them, by what the tasks are called there now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.store.store import Store

Matrix = NDArray[np.float64]


def known_products(store: Store, names: Sequence[str | None]) -> Matrix:
    """Return G as far as it is known; no weight is read.

    Args:
        store: The store.
        names: What each of T tasks is called in the store; None where its vector has left.

    Returns:
        Float64 ``(T, T)``; NaN where a product is not known.
    """
    there = [t for t, name in enumerate(names) if name is not None]
    gram = np.full((len(names), len(names)), np.nan)
    if there:
        gram[np.ix_(there, there)] = store.known_gram([name for name in names if name is not None]).total
    return gram
