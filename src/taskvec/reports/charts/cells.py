"""A matrix as coloured cells with names on both sides; numbers are written in where there is room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.grid import (
    LEAST_SLANTED,
    LEAST_WIDTH,
    MOST_MARKS,
    MOST_NUMBERS,
    colour_of,
    crowded,
    limit_of,
    numbers_on,
    shortened,
)
from taskvec.reports.charts.image import image_layer
from taskvec.reports.charts.values import FORMATS, tip
from taskvec.reports.drawing import Spec
from taskvec.results import Matrix

_LEAST_LINE = 9  # pixels of a row with a name
_WIDTHS = (180, 620, 1280)  # pixels on paper: at least, while numbers fit, while names fit


def cells_chart(matrix: Matrix, value_name: str | None = None, strongest: float | None = None) -> Chart:
    """Draw a matrix; what is not known is grey.

    A row of the data is a row of the matrix, which the chart takes apart itself, so that pages of 200 tasks stay small.

    Args:
        matrix: The numbers.
        value_name: What stands above the colours.
        strongest: What has the strongest colour; the largest number if not given.

    Returns:
        The chart.
    """
    count, columns = len(matrix.rows), len(matrix.columns)
    height = 24 if count <= 40 else max(900 // count, 3)
    limit = strongest or limit_of(_dense(matrix), matrix.unit)
    colour = colour_of("value", limit, is_signed=matrix.is_signed, form=FORMATS[matrix.unit], title=value_name)
    tips = _tips(matrix, value_name or "value")
    layers: list[Spec] = [_known(colour, tips), _unknown(tips)]
    if count * columns <= MOST_NUMBERS:
        layers += numbers_on("value", f"abs(datum.value) > {0.5 * limit}", _short(matrix), columns)
    spec: Spec = {
        "height": height * count,
        "params": [{"name": "columns", "value": list(matrix.columns)}],
        "data": {"values": list(_rows(matrix))},
        "transform": _taken_apart(matrix),
        "encoding": _places(matrix, has_row_names=height >= _LEAST_LINE),
        "layer": layers,
    }
    said = f"{matrix.title}. {count} rows ({matrix.row_name}) by {columns} columns ({matrix.column_name})."
    paper = _as_image(spec, matrix, colour, limit) if count * columns > MOST_MARKS else None
    return Chart(matrix.title, said, spec, paper=paper, width=_width(columns))


def _width(columns: int) -> int:
    narrow, wide, widest = _WIDTHS
    return int(np.clip((LEAST_WIDTH + 8) * columns, narrow, np.clip(LEAST_SLANTED * columns, wide, widest)))


def _dense(matrix: Matrix) -> Any:
    return np.array(matrix.values, np.float64)


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
    bare = {"ticks": False, "domain": False, "grid": False, "labelExpr": shortened("datum.label")}
    slanted = {"labelAngle": -45, "labelOverlap": crowded(len(matrix.columns)), "orient": "top"}
    return {
        "x": {
            "field": "column",
            "type": "nominal",
            "sort": list(matrix.columns),
            "axis": {**bare, "title": matrix.column_name, **slanted},
        },
        "y": {
            "field": "row",
            "type": "nominal",
            "sort": list(matrix.rows),
            "axis": {**bare, "title": matrix.row_name, "labels": has_row_names, "labelOverlap": True},
        },
    }


def _known(colour: Spec, tips: list[Spec]) -> Spec:
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


def _as_image(spec: Spec, matrix: Matrix, colour: Spec, limit: float) -> Spec:
    """Return what is drawn in place of marks: axes and colours of no cell at all, with the image between them."""
    places = {channel: {**place, "scale": {"domain": place["sort"]}} for channel, place in spec["encoding"].items()}
    frame = {"mark": "rect", "encoding": {**places, "color": colour}}
    corners = {"x": {"value": 0}, "x2": {"value": "width"}, "y": {"value": 0}, "y2": {"value": "height"}}
    image = image_layer(_dense(matrix), -limit if matrix.is_signed else 0.0, limit, corners)
    return {"data": {"values": []}, "transform": [], "encoding": {}, "layer": [frame, image]}


def _short(matrix: Matrix) -> str:
    return {"fraction": ".0%", "number": ".2~f"}.get(matrix.unit, FORMATS[matrix.unit])


def _tips(matrix: Matrix, value_name: str) -> list[Spec]:
    tips = [tip("row", matrix.row_name), tip("column", matrix.column_name), tip("value", value_name, matrix.unit)]
    return tips if matrix.spreads is None else [*tips, tip("spread", f"± {matrix.spread}", matrix.unit)]
