"""TIES as the page defines it, entry by entry: slow, and without a line of the code that it judges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


def trimmed(row: Sequence[float], density: float) -> list[float]:
    count = max(1, round(density * len(row))) if len(row) else 0
    kept = sorted(range(len(row)), key=lambda i: (-abs(row[i]), i))[:count]
    return [value if i in kept else 0.0 for i, value in enumerate(row)]


def merged(rows: Rows, density: float) -> Rows:
    kept = [trimmed(list(row), density) for row in rows]
    result = []
    for values in zip(*kept, strict=True):
        sign = 1 if sum(values) >= 0 else -1
        agreeing = [value for value in values if value * sign > 0]
        result.append(sum(agreeing) / len(agreeing) if agreeing else 0.0)
    return np.array(result)
