"""The matrices that commands draw: coefficients of atoms, errors by group, shared energy by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.charts.cells import cells_chart
from taskvec.reports.charts.chart import Chart
from taskvec.results import Matrix, Unit

Values = NDArray[np.floating]


def coefficients_chart(tasks: Sequence[str], decoder: Values, title: str = "Coefficients") -> Chart:
    """Draw how each task vector is recovered from the atoms; colours are symmetric about 0.

    Args:
        tasks: The T names, rows.
        decoder: W, ``(K, T)``.
        title: What stands above the figure.
    """
    atoms = [f"atom {k}" for k in range(len(decoder))]
    matrix = _matrix(title, ("task", tasks), ("atom", atoms), decoder.T, "number", is_signed=True)
    return cells_chart(matrix, "coefficient")


def group_errors_chart(
    groups: Sequence[str], tasks: Sequence[str], errors: Values, title: str = "Relative error by group"
) -> Chart:
    """Draw what each group of tensors loses of each task; colours span 0 to 1.

    Args:
        groups: The N names, rows.
        tasks: The T names, columns.
        errors: ‖τ̂ − τ‖ / ‖τ‖, ``(N, T)``; NaN where it is unknown.
        title: What stands above the figure.
    """
    return cells_chart(_matrix(title, ("group", groups), ("task", tasks), errors, "number"), "relative error", 1.0)


def shared_chart(
    layers: Sequence[str], tasks: Sequence[str], shares: Values, title: str = "Shared energy by layer"
) -> Chart:
    """Draw how much of each task vector's energy is shared; a layer that a task did not change is grey.

    Args:
        layers: Names of the L layers, rows.
        tasks: Names of the T tasks, columns.
        shares: From 0 to 1, ``(L, T)``; NaN where there is nothing to share.
        title: What stands above the figure.
    """
    return cells_chart(_matrix(title, ("layer", layers), ("task", tasks), shares, "fraction"), "shared energy")


def _matrix(
    title: str,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    values: Values,
    unit: Unit,
    *,
    is_signed: bool = False,
) -> Matrix:
    """Return the values with their names.

    Raises:
        ValueError: If there are none, or not as many as there are names.
    """
    (row_name, row_names), (column_name, column_names) = rows, columns
    if not values.size or values.shape != (len(row_names), len(column_names)):
        raise ValueError(f"expected {len(row_names)} × {len(column_names)} values, found shape {values.shape}")
    return Matrix(
        title=title,
        rows=tuple(row_names),
        columns=tuple(column_names),
        row_name=row_name,
        column_name=column_name,
        values=tuple(tuple(round(v, 5) if np.isfinite(v) else None for v in row) for row in values.tolist()),
        unit=unit,
        is_signed=is_signed,
    )
