"""Straight lines through timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DEVIATION = 0.1
"""How far a point may lie from the line, as a fraction of the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds as a straight line of some size.

    Attributes:
        start: Seconds at none.
        slope: Seconds a unit of size.
        deviations: How far each point is from the line, as a fraction of the line.
    """

    start: float
    slope: float
    deviations: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The largest deviation."""
        return max(abs(deviation) for deviation in self.deviations)


def fit(sizes: Sequence[float], seconds: Sequence[float]) -> Line:
    """The line whose relative deviations have the least sum of squares."""
    size, time = np.array(sizes, float), np.array(seconds)
    design = np.stack([np.ones_like(size), size], axis=1) / time[:, None]
    (start, slope), *_ = np.linalg.lstsq(design, np.ones_like(time))
    fitted = start + slope * size
    return Line(float(start), float(slope), tuple(float(d) for d in time / fitted - 1))
