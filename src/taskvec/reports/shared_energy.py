"""How much of each task vector is shared, layer by layer, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.figures import INK, LIGHT_GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 400  # cells in which numbers can be read
_LEAST_RANGE = 0.01


def shared_heatmap(
    layers: Sequence[str],
    tasks: Sequence[str],
    shares: NDArray[np.floating],
    path: Path,
    title: str = "Share of each task vector's energy that is shared",
) -> None:
    """Draw layers × tasks; a layer that a task did not change is grey.

    Args:
        layers: Names of the L layers.
        tasks: Names of the T tasks.
        shares: From 0 to 1, ``(L, T)``; NaN where there is nothing to share.
        path: A ``.png``, ``.svg`` or ``.pdf`` file; replaced when it exists.
        title: What stands above the figure.

    Raises:
        ValueError: If there is no cell, or the matrix is not ``(L, T)``.
    """
    if not shares.size or shares.shape != (len(layers), len(tasks)):
        raise ValueError(f"expected shares of {len(layers)} layers × {len(tasks)} tasks, found shape {shares.shape}")

    def draw(axes: Axes) -> None:
        _draw_cells(axes, shares)
        axes.set_xticks(range(len(tasks)), tasks, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(layers)), layers, fontsize=8 if len(layers) <= 40 else 4)
        axes.tick_params(length=0)
        if shares.size <= _MOST_NUMBERS:
            _draw_numbers(axes, shares)
        axes.set_title(title)

    height = float(np.clip(0.24 * len(layers), 1.2, 12.0))
    write_figure(path, 0.5 * len(tasks) + 3.2, height + 1.6, draw)


def _limit(shares: NDArray[np.floating]) -> float:
    return max(float(np.max(shares, initial=0.0, where=np.isfinite(shares))), _LEAST_RANGE)


def _draw_cells(axes: Axes, shares: NDArray[np.floating]) -> None:
    from matplotlib import colormaps

    shades = colormaps["Blues"].with_extremes(bad=LIGHT_GREY)
    cells = np.ma.masked_invalid(shares)
    image = axes.imshow(cells, cmap=shades, vmin=0, vmax=_limit(shares), interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, aspect=24, label="shared energy")
    bar.outline.set_visible(False)


def _draw_numbers(axes: Axes, shares: NDArray[np.floating]) -> None:
    limit = _limit(shares)
    for (row, column), value in np.ndenumerate(shares):
        text = f"{value:.2f}" if np.isfinite(value) else "–"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=6, color="white" if value > 0.65 * limit else INK
        )
