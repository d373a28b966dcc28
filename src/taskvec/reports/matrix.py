"""A matrix with names on both sides as a picture: coefficients (tasks × atoms) and errors (groups × tasks)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.figures import INK, LIGHT_GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 20
_MOST_LABELS = 80
_LONGEST_LABEL = 28

Matrix = NDArray[np.floating]


def coefficient_heatmap(tasks: Sequence[str], decoder: Matrix, path: Path, title: str = "Coefficients") -> None:
    """Draw how each task vector is recovered from the atoms; colours are symmetric about 0.

    Args:
        tasks: The T names, rows.
        decoder: W, ``(K, T)``.
        path: A ``.png``, ``.svg`` or ``.pdf`` file; replaced when it exists.
        title: What stands above the figure.
    """
    atoms = [f"atom {k}" for k in range(len(decoder))]
    limit = max(float(np.abs(decoder).max(initial=0.0)), 1e-6)
    _draw(path, tasks, atoms, decoder.T, title, ("coefficient", "RdBu_r", -limit, limit))


def group_error_map(
    groups: Sequence[str], tasks: Sequence[str], errors: Matrix, path: Path, title: str = "Relative error by group"
) -> None:
    """Draw what each group of tensors loses of each task; colours span 0 to 1.

    Args:
        groups: The N names, rows.
        tasks: The T names, columns.
        errors: ‖τ̂ − τ‖ / ‖τ‖, ``(N, T)``; NaN where it is unknown.
        path: A ``.png``, ``.svg`` or ``.pdf`` file; replaced when it exists.
        title: What stands above the figure.
    """
    _draw(path, groups, tasks, errors, title, ("relative error", "viridis_r", 0.0, 1.0))


def _draw(
    path: Path,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Matrix,
    title: str,
    scale: tuple[str, str, float, float],
) -> None:
    """Draw the matrix.

    Raises:
        ValueError: If it is empty or has another shape than its names.
    """
    if values.shape != (len(rows), len(columns)) or not values.size:
        raise ValueError(f"expected {len(rows)} × {len(columns)} values, found shape {values.shape}")
    width, height = (float(np.clip(0.42 * count, 1.6, 8.0)) for count in (len(columns), len(rows)))

    def draw(axes: Axes) -> None:
        _cells(axes, values, scale)
        _labels(axes, rows, columns)
        if max(values.shape) <= _MOST_NUMBERS:
            _numbers(axes, values, scale)
        axes.set_title(title)

    write_figure(path, width + 2.4, height + 1.4, draw)


def _cells(axes: Axes, values: Matrix, scale: tuple[str, str, float, float]) -> None:
    from matplotlib import colormaps

    label, colours, least, greatest = scale
    shades = colormaps[colours].with_extremes(bad=LIGHT_GREY)
    cells = np.ma.masked_invalid(values)
    image = axes.imshow(cells, cmap=shades, vmin=least, vmax=greatest, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, aspect=24, label=label)
    bar.outline.set_visible(False)


def _labels(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.tick_params(length=0)
    if len(columns) <= _MOST_LABELS:
        names = [_shortened(name) for name in columns]
        axes.set_xticks(range(len(columns)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    if len(rows) <= _MOST_LABELS:
        axes.set_yticks(range(len(rows)), [_shortened(name) for name in rows], fontsize=8 if len(rows) <= 24 else 5)


def _shortened(name: str) -> str:
    half = _LONGEST_LABEL // 2
    return name if len(name) <= _LONGEST_LABEL else f"{name[:half]}…{name[-half:]}"


def _numbers(axes: Axes, values: Matrix, scale: tuple[str, str, float, float]) -> None:
    _, _, least, greatest = scale
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"
        is_dark = abs(value) > (0.65 if least < 0 else 0.55) * greatest
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if is_dark else INK)
