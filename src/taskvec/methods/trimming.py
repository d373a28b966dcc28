"""How many elements a density keeps."""

from __future__ import annotations


def num_kept(num_params: int, density: float, *, floor: bool = False) -> int:
    """Return k = round(density · n), halves to even, at least 1 of a tensor that has elements.

    Args:
        num_params: n.
        density: The fraction to keep.
        floor: Round down, as mergekit does.

    Returns:
        k.
    """
    wanted = int(density * num_params) if floor else round(density * num_params)
    return max(wanted, 1) if num_params else 0
