"""Curves over one axis, each in the order of its numbers: a band or bars for spreads, a rule for each marked place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskvec.reports.charts.chart import Chart, Spec
from taskvec.reports.charts.values import FEW_COLUMNS, FORMATS, tip, titled
from taskvec.results import Axis, Curves

_HEIGHT = 260


def lines_chart(curves: Curves) -> Chart:
    """Draw curves; controls are thin and dashed, and a click on the legend leaves one line in front.

    A line goes from one number to the next as they are given, back too, such as a trade-off over λ that turns.

    Args:
        curves: The numbers.

    Returns:
        The chart.
    """
    tips = _tips(curves)
    rows = list(_rows(curves))
    spec: Spec = {
        "height": _HEIGHT,
        "data": {"values": rows},
        "layer": [
            {"layer": [*_bands(curves), _line(), _points(tips)], "encoding": _encoding(curves)},
            *([_marks(curves)] if curves.marks else []),
        ],
    }
    names = ", ".join(line.name for line in curves.series)
    said = f"{curves.title}. {curves.y.name} over {curves.x.name}: {names}."
    return Chart(curves.title, said, spec)


def _rows(curves: Curves) -> Iterator[dict[str, Any]]:
    for line in curves.series:
        for place, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
            row: dict[str, Any] = {"line": line.name, "x": x, "y": y, "control": line.is_control}
            if line.spread is not None:
                spread = line.spread[place]
                row |= {"spread": spread, "low": y - spread, "high": y + spread}
            yield row if line.n is None else {**row, "n": line.n}


def _encoding(curves: Curves) -> Spec:
    names = [line.name for line in curves.series]
    coloured = {"field": "line", "type": "nominal", "sort": names, "scale": {"domain": names}}
    return {
        "x": {"field": "x", "type": "quantitative", "scale": _scale(curves.x, is_nice=False), "axis": _axis(curves.x)},
        "y": {"field": "y", "type": "quantitative", "scale": _scale(curves.y, is_nice=True), "axis": _axis(curves.y)},
        "color": {**coloured, "legend": {"title": None, "columns": FEW_COLUMNS, "symbolType": "stroke"}},
        "opacity": {"condition": {"param": "chosen", "value": 1}, "value": 0.15},
    }


def _scale(axis: Axis, *, is_nice: bool) -> Spec:
    return {"type": "log", "nice": False} if axis.is_log else {"zero": False, "nice": is_nice}


def _axis(axis: Axis) -> Spec:
    whole = {"tickMinStep": 1} if axis.unit == "count" else {}
    return {"title": titled(axis.name, axis.unit), "format": FORMATS[axis.unit], **whole}


def _bands(curves: Curves) -> list[Spec]:
    if all(line.spread is None for line in curves.series):
        return []
    ends = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    band = {"mark": "area", "encoding": {**ends, "opacity": {"value": 0.18}}}
    bars = {"mark": "rule", "encoding": ends}  # an area is drawn from left to right alone
    return [{"transform": [{"filter": "isValid(datum.low)"}], **(bars if _turns(curves) else band)}]


def _turns(curves: Curves) -> bool:
    """Whether a line goes to the right and to the left."""
    return any(tuple(sorted(line.x)) not in {line.x, line.x[::-1]} for line in curves.series)


def _line() -> Spec:
    dash = {"condition": {"test": "datum.control", "value": [5, 4]}, "value": [1, 0]}
    encoding = {"strokeDash": dash, "detail": {"field": "line"}, "order": {"value": None}}
    return {"mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding}


def _points(tips: list[Spec]) -> Spec:
    shape = {"field": "line", "type": "nominal", "legend": None}
    return {
        "params": [{"name": "chosen", "select": {"type": "point", "fields": ["line"]}, "bind": "legend"}],
        "mark": {"type": "point", "filled": True, "size": 40},
        "encoding": {"shape": shape, "tooltip": tips},
    }


def _marks(curves: Curves) -> Spec:
    rows = [{"x": mark.x, "name": mark.name} for mark in curves.marks]
    x = {"field": "x", "type": "quantitative"}
    words = {"type": "text", "align": "left", "baseline": "top", "dx": 4, "y": 2, "style": "ink", "fontSize": 11}
    return {
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [2, 3], "style": "muted-line"}, "encoding": {"x": x}},
            {"mark": words, "encoding": {"x": x, "text": {"field": "name", "type": "nominal"}}},
        ],
    }


def _tips(curves: Curves) -> list[Spec]:
    x, y = curves.x, curves.y
    tips = [tip("line", "line"), tip("x", x.name, x.unit), tip("y", y.name, y.unit)]
    if any(line.spread is not None for line in curves.series):
        tips.append(tip("spread", f"± {curves.spread}", y.unit))
    if any(line.n is not None for line in curves.series):
        tips.append(tip("n", "n", "count"))
    return tips
