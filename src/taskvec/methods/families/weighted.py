"""What weighted sums of deltas and weighted means of models share: λ times every weight, or its share of all."""

from __future__ import annotations

from typing import Protocol

from taskvec.methods.families.electing import shares
from taskvec.methods.part import Doubles


class Weighing(Protocol):
    """Options that say how much of each vector there is."""

    @property
    def scaling(self) -> float:
        """λ."""
        ...

    @property
    def weight(self) -> tuple[float, ...]:
        """The T weights."""
        ...

    @property
    def normalize(self) -> bool:
        """Whether they are divided by their sum."""
        ...


def weighted(gram: Doubles | None, options: Weighing) -> Doubles:  # noqa: ARG001
    """Return the coefficients ``(T,)``; no inner product is needed."""
    return options.scaling * shares(options.weight, normalize=options.normalize)
