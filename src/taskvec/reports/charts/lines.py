"""Curves over one axis, each in the order of its numbers: a band or bars for spreads, a rule for each marked place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.values import FEW_COLUMNS, FORMATS, tip, titled
from taskvec.reports.drawing import Spec
from taskvec.results import Axis, Curves

_HEIGHT = 260
_MOST_TICKS = 12
_LEAST_TOP = 1e-3  # of an axis that begins at 0


@dataclass(frozen=True)
class Ring:
    """A point that was chosen, with a rule through it and words above the figure."""

    x: float
    y: float
    name: str


def lines_chart(curves: Curves, *, from_zero: bool = False, ring: Ring | None = None) -> Chart:
    """Draw curves; controls are thin and dashed, and a click on the legend leaves one line in front.

    A line goes from one number to the next as they are given, back too, such as a trade-off over λ that turns.

    Args:
        curves: The numbers.
        from_zero: Whether the axis at the side begins at 0.
        ring: A point to mark.

    Returns:
        The chart.
    """
    tips = _tips(curves)
    rows = list(_rows(curves))
    beside = _from_zero(curves, ring) if from_zero else _scale(curves.y, is_nice=True)
    spec: Spec = {
        "height": _HEIGHT,
        "data": {"values": rows},
        "layer": [
            {"layer": [*_bands(curves), _line(), _points(tips)], "encoding": _encoding(curves, beside)},
            *([_marks(curves)] if curves.marks else []),
            *([_ringed(curves, ring)] if ring else []),
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


def _encoding(curves: Curves, beside: Spec) -> Spec:
    names, along = [line.name for line in curves.series], _scale(curves.x, is_nice=False)
    coloured = {"field": "line", "type": "nominal", "sort": names, "scale": {"domain": names}}
    return {
        "x": {
            "field": "x",
            "type": "quantitative",
            "scale": along,
            "axis": _axis_below(curves),
        },
        "y": {"field": "y", "type": "quantitative", "scale": beside, "axis": _axis(curves.y)},
        "color": {**coloured, "legend": {"title": None, "columns": FEW_COLUMNS, "symbolType": "stroke"}},
        "opacity": {"condition": {"param": "chosen", "value": 1}, "value": 0.15},
    }


def _scale(axis: Axis, *, is_nice: bool) -> Spec:
    return {"type": "log", "nice": False} if axis.is_log else {"zero": False, "nice": is_nice}


def _from_zero(curves: Curves, ring: Ring | None) -> Spec:
    greatest = max([_LEAST_TOP, *(y for line in curves.series for y in line.y), *([ring.y] if ring else [])])
    return {"domain": [0, greatest], "nice": True}


def _axis(axis: Axis) -> Spec:
    whole = {"tickMinStep": 1} if axis.unit == "count" else {}
    return {"title": titled(axis.name, axis.unit), "format": FORMATS[axis.unit], **whole}


def _axis_below(curves: Curves) -> Spec:
    """Return the axis with a tick at each whole number, where those are few."""
    x = [x for line in curves.series for x in line.x]
    least, greatest = math.ceil(min(x)), math.floor(max(x))
    is_short = curves.x.unit == "count" and greatest - least <= _MOST_TICKS
    return _axis(curves.x) | ({"values": list(range(least, greatest + 1))} if is_short else {})


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


def _ringed(curves: Curves, ring: Ring) -> Spec:
    x = {"field": "x", "type": "quantitative", "axis": _axis_below(curves)}
    y = {"field": "y", "type": "quantitative", "axis": _axis(curves.y)}
    ahead = ring.x > (min(curves.series[0].x) + max(curves.series[0].x)) / 2
    words = {"type": "text", "align": "right" if ahead else "left", "baseline": "bottom", "dx": 8 if ahead else -8}
    return {
        "data": {"values": [{"x": ring.x, "y": ring.y, "name": ring.name}]},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [2, 3], "style": "muted-line"},
                "encoding": {"x": x, "y": {"value": 0}, "y2": {"value": "height"}},
            },
            {
                "mark": {"type": "point", "size": 150, "strokeWidth": 2, "style": "ink-line"},
                "encoding": {"x": x, "y": y},
            },
            {
                "mark": {**words, "y": -4, "style": "ink", "fontSize": 11},
                "encoding": {"x": x, "text": {"field": "name", "type": "nominal"}},
            },
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
