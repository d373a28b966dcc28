"""A matrix as coloured cells with names on both sides; numbers are written in where there is room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskvec.reports.charts.chart import Chart, Spec
from taskvec.reports.charts.values import FORMATS, tip
from taskvec.results import Matrix

_MOST_NUMBERS = 400  # cells
_LEAST_WIDTH = 30  # pixels of a cell with a number
_LEAST_LINE = 9  # pixels of a row with a name
_LEAST_RANGE = 1e-9


def cells_chart(matrix: Matrix) -> Chart:
    """Draw a matrix; what is not known is grey.

    A row of the data is a row of the matrix, which the chart takes apart itself, so that pages of 200 tasks stay small.

    Args:
        matrix: The numbers.

    Returns:
        The chart.
    """
    count, width = len(matrix.rows), len(matrix.columns)
    height = 24 if count <= 40 else max(900 // count, 3)
    tips = _tips(matrix)
    layers: list[Spec] = [_known(matrix, tips), _unknown(tips)]
    if count * width <= _MOST_NUMBERS:
        layers += _numbers(matrix)
    spec: Spec = {
        "height": height * count,
        "params": [{"name": "columns", "value": list(matrix.columns)}],
        "data": {"values": list(_rows(matrix))},
        "transform": _taken_apart(matrix),
        "encoding": _places(matrix, has_row_names=height >= _LEAST_LINE),
        "layer": layers,
    }
    said = f"{matrix.title}. {count} rows ({matrix.row_name}) by {width} columns ({matrix.column_name})."
    return Chart(matrix.title, said, spec)


def _rows(matrix: Matrix) -> Iterator[dict[str, Any]]:
    for place, (name, values) in enumerate(zip(matrix.rows, matrix.values, strict=True)):
        row: dict[str, Any] = {"row": name, "value": list(values)}
        yield row if matrix.spreads is None else {**row, "spread": list(matrix.spreads[place])}


def _taken_apart(matrix: Matrix) -> list[Spec]:
    together = ["value"] if matrix.spreads is None else ["value", "spread"]
    return [
        {"flatten": together},
        {"window": [{"op": "row_number", "as": "place"}], "groupby": ["row"]},
        {"calculate": "columns[datum.place - 1]", "as": "column"},
    ]


def _places(matrix: Matrix, *, has_row_names: bool) -> Spec:
    bare = {"ticks": False, "domain": False, "grid": False}
    return {
        "x": {
            "field": "column",
            "type": "nominal",
            "sort": list(matrix.columns),
            "axis": {**bare, "title": matrix.column_name, "labelAngle": -45, "labelOverlap": True, "orient": "top"},
        },
        "y": {
            "field": "row",
            "type": "nominal",
            "sort": list(matrix.rows),
            "axis": {**bare, "title": matrix.row_name, "labels": has_row_names, "labelOverlap": True},
        },
    }


def _known(matrix: Matrix, tips: list[Spec]) -> Spec:
    limit = _limit(matrix)
    low = -limit if matrix.is_signed else 0
    colour = {
        "field": "value",
        "type": "quantitative",
        "scale": {
            "domain": [low, limit],
            "range": "diverging" if matrix.is_signed else "heatmap",
            "interpolate": "rgb",
        },
        "legend": {"title": None, "format": FORMATS[matrix.unit], "gradientLength": 160},
    }
    return {
        "transform": [{"filter": "isValid(datum.value)"}],
        "mark": {"type": "rect"},
        "encoding": {"color": colour, "tooltip": tips},
    }


def _unknown(tips: list[Spec]) -> Spec:
    return {
        "transform": [{"filter": "!isValid(datum.value)"}],
        "mark": {"type": "rect", "style": "unknown"},
        "encoding": {"tooltip": tips[:2]},
    }


def _numbers(matrix: Matrix) -> Iterator[Spec]:
    """Two layers, so that a number is dark on a quiet cell and light on a strong one."""
    strong = 0.5 * _limit(matrix)
    for style, test in (("ink", "<="), ("on-strong", ">")):
        fits = {"expr": f"width / {len(matrix.columns)} < {_LEAST_WIDTH} ? 0 : 1"}
        mark = {"type": "text", "style": style, "fontSize": 10, "opacity": fits, "tooltip": None}
        text = {"field": "value", "type": "quantitative", "format": _short(matrix)}
        where = f"isValid(datum.value) && abs(datum.value) {test} {strong}"
        yield {"transform": [{"filter": where}], "mark": mark, "encoding": {"text": text}}


def _short(matrix: Matrix) -> str:
    return {"fraction": ".0%", "number": ".2~f"}.get(matrix.unit, FORMATS[matrix.unit])


def _limit(matrix: Matrix) -> float:
    known = [abs(value) for row in matrix.values for value in row if value is not None]
    return max([_LEAST_RANGE, *known])


def _tips(matrix: Matrix) -> list[Spec]:
    tips = [tip("row", matrix.row_name), tip("column", matrix.column_name), tip("value", "value", matrix.unit)]
    return tips if matrix.spreads is None else [*tips, tip("spread", f"± {matrix.spread}", matrix.unit)]
