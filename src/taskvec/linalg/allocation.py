"""How many atoms each group gets, so that the total error is at most E at few bytes (ours).

Atom m of group g removes λ_m(G_g) from the squared error and costs the group's bytes. Eigenvalues fall, so taking
atoms in the order of λ per byte, over all groups, is the best fractional answer; what is taken beyond E is then given
back, the largest atoms first. The result is at most one atom larger than any allocation with that error. O(NT log NT).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_ROUNDING = 1e-13


def allocate(spectra: Sequence[Vector], sizes: Sequence[int], allowed: float) -> tuple[int, ...]:
    """Choose a number of atoms for each group.

    Args:
        spectra: Eigenvalues of each group's Gram matrix, largest first, ``(T,)`` each.
        sizes: Bytes of an atom in each group.
        allowed: The largest squared error, Σ_g Σ_{m>M_g} λ_m(G_g).

    Returns:
        M_g, from 0 to T.
    """
    counts = [0] * len(spectra)
    left = float(sum(spectrum.sum() for spectrum in spectra))
    slack = allowed + _ROUNDING * left
    order = [
        (-value / max(size, 1), group, m, value)
        for group, (spectrum, size) in enumerate(zip(spectra, sizes, strict=True))
        for m, value in enumerate(spectrum.tolist())
        if value > 0
    ]
    for _, group, m, value in sorted(order):
        if left <= slack:
            break
        counts[group] = m + 1
        left -= value
    _give_back(spectra, sizes, counts, slack)
    return tuple(counts)


def lost_energy(spectra: Sequence[Vector], counts: Sequence[int]) -> float:
    """Return the squared error of an allocation, Σ_g Σ_{m>M_g} λ_m(G_g)."""
    return float(sum(spectrum[count:].sum() for spectrum, count in zip(spectra, counts, strict=True)))


def _give_back(spectra: Sequence[Vector], sizes: Sequence[int], counts: list[int], slack: float) -> None:
    spare = slack - lost_energy(spectra, counts)
    for group in sorted(range(len(counts)), key=lambda g: -sizes[g]):
        while counts[group] and spectra[group][counts[group] - 1] <= spare:
            counts[group] -= 1
            spare -= float(spectra[group][counts[group]])
