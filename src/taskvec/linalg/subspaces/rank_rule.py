"""How many singular directions of a task vector count as what it learned; the rest counts as noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import DecompositionError

_WHY = "a full fine-tune changes every matrix at full rank, and then its column space is everything and all is shared"


@dataclass(frozen=True, slots=True)
class RankRule:
    """Either a number of directions or a share of the energy Σσ².

    Attributes:
        rank: Keep this many directions.
        energy: Keep as few directions as hold this share of Σσ².
    """

    rank: int | None = None
    energy: float | None = None

    def __post_init__(self) -> None:
        if (self.rank is None) == (self.energy is None):
            raise DecompositionError(f"a rank rule is needed, because {_WHY}: give --rank R or --energy E, one of them")
        if self.rank is not None and self.rank < 1:
            raise DecompositionError(f"a rank of {self.rank} keeps nothing: use --rank with 1 or more")
        if self.energy is not None and not 0 < self.energy < 1:
            raise DecompositionError(
                f"an energy of {self.energy:g} is no share between 0 and 1 (1 keeps full rank: {_WHY}): "
                "use for example --energy 0.9"
            )

    def __str__(self) -> str:
        return f"rank {self.rank}" if self.rank is not None else f"energy {self.energy:g}"

    def most(self, side: int) -> int:
        """Return the largest number of directions that the rule can keep of a matrix whose shorter side is given."""
        return side if self.rank is None else min(self.rank, side)

    def choose(self, squares: NDArray[np.float64], total: float) -> int | None:
        """Return how many of the largest directions are kept.

        Args:
            squares: The largest squared singular values that are known, decreasing.
            total: Σσ² of the whole matrix.

        Returns:
            Their number; None where more singular values must be known to tell.
        """
        if self.rank is not None:
            return min(self.rank, len(squares))
        held = np.cumsum(squares)
        if total <= 0:
            return 0
        wanted = (self.energy or 0.0) * total
        return int(np.searchsorted(held, wanted)) + 1 if len(held) and held[-1] >= wanted else None
