"""The cosines between task vectors as a picture, readable for one vector and for hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.figures import INK, LIGHT_GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 16
_MOST_LABELS = 64
_LONGEST_LABEL = 24
_LEAST_RANGE = 0.01


def cosine_heatmap(
    names: Sequence[str],
    cosine: NDArray[np.floating],
    path: Path,
    title: str = "Cosine similarity of task vectors",
) -> None:
    """Draw the cosines; colours span the values off the diagonal, so that small ones can be told apart.

    Up to 16 vectors every cell shows its number, up to 64 every row its name. The diagonal and undefined cosines (of a
    zero vector) are grey.

    Args:
        names: Names of the T vectors.
        cosine: Cosines, ``(T, T)``.
        path: A ``.png``, ``.svg`` or ``.pdf`` file; replaced when it exists.
        title: What stands above the figure.

    Raises:
        ValueError: If there is no vector, or the matrix is not ``(T, T)``.
    """
    count = len(names)
    if count == 0 or cosine.shape != (count, count):
        raise ValueError(f"expected a cosine for each pair of {count} names, found shape {cosine.shape}")
    side = float(np.clip(0.42 * count, 1.6, 7.5))

    def draw(axes: Axes) -> None:
        _draw_cells(axes, cosine)
        _draw_labels(axes, names, side)
        if count <= _MOST_NUMBERS:
            _draw_numbers(axes, cosine)
        axes.set_title(title)

    write_figure(path, side + 2.0, side + 1.4, draw)


def _off_diagonal(cosine: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(np.eye(len(cosine), dtype=bool), np.nan, cosine)


def _color_range(cosine: NDArray[np.floating]) -> float:
    values = np.abs(_off_diagonal(cosine))
    largest = np.max(values, initial=0.0, where=np.isfinite(values))
    return max(float(largest), _LEAST_RANGE)


def _draw_cells(axes: Axes, cosine: NDArray[np.floating]) -> None:
    from matplotlib import colormaps

    limit = _color_range(cosine)
    shades = colormaps["RdBu_r"].with_extremes(bad=LIGHT_GREY)
    cells = np.ma.masked_invalid(_off_diagonal(cosine))
    image = axes.imshow(cells, cmap=shades, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.spines[:].set_visible(False)
    if cells.count():
        bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, aspect=24, label="cosine")
        bar.outline.set_visible(False)


def _draw_labels(axes: Axes, names: Sequence[str], side: float) -> None:
    if len(names) > _MOST_LABELS:
        axes.set_xlabel("task vector, in order")
        return
    size = min(9.0, 72 * 0.8 * side / len(names))
    labels = [_shortened(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(names)), labels, fontsize=size)
    axes.tick_params(length=0)


def _shortened(name: str) -> str:
    half = _LONGEST_LABEL // 2
    return name if len(name) <= _LONGEST_LABEL else f"{name[:half]}…{name[-half:]}"


def _draw_numbers(axes: Axes, cosine: NDArray[np.floating]) -> None:
    limit = _color_range(cosine)
    for (row, column), value in np.ndenumerate(cosine):
        text = f"{value:z.2f}".replace("-", "−") if np.isfinite(value) else "–"
        is_dark = row != column and abs(value) > 0.65 * limit
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if is_dark else INK)
