"""How the pictures look: bars and lines on the library's own paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Run, timing
from taskvec.reports import Chart
from taskvec.reports.charts.theme import LIGHT

OURS, PEER, FLOOR, LIMIT = *LIGHT.lines[:2], LIGHT.unknown, LIGHT.ink

_WIDTH = 620  # of a picture, in pixels
_BAR, _PAIRED = 20, 9  # heights of a bar, alone and among others of its label, in pixels

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """A lying bar.

    Attributes:
        label: What stands beside it; bars with one label lie together.
        value: Its length.
        colour: Its colour.
        kind: What its colour means, where that needs to be said.
        ends: The least and the greatest value that were measured.
        words: What stands after it.
    """

    label: str
    value: float
    colour: str
    kind: str = ""
    ends: tuple[float, float] | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """Points, and a line through them.

    Attributes:
        name: In the legend; lines of one name have one colour.
        points: x and y of each.
        is_faint: Whether it is there only to be compared with.
        has_marks: Whether the points are seen.
        has_line: Whether the line is seen.
    """

    name: str
    points: Sequence[tuple[float, float]]
    is_faint: bool = False
    has_marks: bool = True
    has_line: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """What lies along an axis.

    Attributes:
        title: In words.
        ends: Where it begins and ends; None where the numbers say it.
        base: Of its logarithm, if it has one.
        form: How its numbers are written, in d3's words.
    """

    title: str
    ends: tuple[float | None, float | None] = (None, None)
    base: int | None = None
    form: str | None = None

    def channel(self, field: str) -> Spec:
        """The axis as a channel of Vega-Lite."""
        kind: Spec = {"zero": False, "nice": self.ends == (None, None)}
        if self.base is not None:
            kind = {"type": "log", "base": self.base, "nice": False}
        low, high = self.ends
        ends = ({} if low is None else {"domainMin": low}) | ({} if high is None else {"domainMax": high})
        axis = {"title": self.title, "tickCount": 6, **({"format": self.form} if self.form else {})}
        if self.form == ",d":
            axis["tickMinStep"] = 1
        return {"field": field, "type": "quantitative", "scale": {**kind, **ends}, "axis": axis}


def time_bars(title: str, runs: Mapping[str, Sequence[Run]], colours: Mapping[str, str]) -> Chart:
    """Lying bars of the middle time, whiskers from the least to the greatest, the seconds beside them."""
    bars = []
    for label, (middle, least, greatest) in {label: timing(found) for label, found in runs.items()}.items():
        words = f"{middle:.2f} s" if middle < 100 else f"{middle:.0f} s"
        bars.append(Bar(label, middle, colours[label], ends=(least, greatest), words=words))
    return lying_bars(title, Axis("seconds, whole process", (0, None)), bars)


def lying_bars(title: str, axis: Axis, bars: Sequence[Bar], limit: tuple[str, float] | None = None) -> Chart:
    """Lying bars in the order given, with a dashed line at a limit if there is one.

    Args:
        title: What stands above them.
        axis: What their lengths are.
        bars: The bars.
        limit: What a line across them means, and where it stands.
    """
    labels = list(dict.fromkeys(bar.label for bar in bars))
    kinds = {bar.kind: bar.colour for bar in bars}
    below = axis.channel("value")
    where: Spec = {"y": {"field": "label", "type": "nominal", "sort": labels, "axis": _BARE, "scale": {"padding": 0.2}}}
    if len(kinds) > 1:
        where["yOffset"] = {"field": "kind", "type": "nominal", "sort": list(kinds)}
    layers = [
        {"mark": "bar", "encoding": {"x": below, "x2": {"datum": below["scale"].get("domainMin", 0)}, **_colour(bars)}}
    ]
    layers += [_whiskers(), _words()] if any(bar.ends for bar in bars) else []
    height = len(labels) * (_PAIRED * len(kinds) if len(kinds) > 1 else _BAR)
    rows = {"values": [_row(bar) for bar in bars]}
    layer: list[Spec] = [{"data": rows, "encoding": where, "layer": layers}, *([_across(*limit)] if limit else [])]
    return Chart(title, f"{title}: {axis.title}.", {"height": height, "layer": layer}, width=_WIDTH)


def traces(title: str, below: Axis, beside: Axis, drawn: Sequence[Trace], diagonal: str | None = None) -> Chart:
    """Points and lines over one axis.

    Args:
        title: What stands above them.
        below: The axis below.
        beside: The axis at the side.
        drawn: The lines; in the legend in this order.
        diagonal: What a dashed line means on which both axes are the same, if there is to be one.
    """
    names = list(dict.fromkeys(line.name for line in drawn))
    scale = {"domain": names}
    rows = [
        {
            "line": line.name,
            "number": number,
            "x": x,
            "y": y,
            "faint": line.is_faint,
            "marked": line.has_marks,
            "drawn": line.has_line,
        }
        for number, line in enumerate(drawn)
        for x, y in line.points
    ]
    colour = {
        "field": "line",
        "type": "nominal",
        "scale": scale,
        "legend": {"title": None, "columns": 3, "symbolType": "stroke"},
    }
    faint = {"condition": {"test": "datum.faint", "value": 0.35}, "value": 1}
    encoding = {"x": below.channel("x"), "y": beside.channel("y"), "color": colour, "opacity": faint}
    shape = {"field": "line", "type": "nominal", "scale": scale, "legend": None}
    through = {"detail": {"field": "number"}, "order": {"value": None}}
    layer: list[Spec] = [
        {"transform": [{"filter": "datum.drawn"}], "mark": {"type": "line", "strokeWidth": 1.5}, "encoding": through},
        {
            "transform": [{"filter": "datum.marked"}],
            "mark": {"type": "point", "filled": True, "size": 36},
            "encoding": {"shape": shape},
        },
    ]
    spec: Spec = {"height": 220, "data": {"values": rows}, "layer": [{"encoding": encoding, "layer": layer}]}
    if diagonal:
        spec["layer"].append(_diagonal(diagonal, beside))
    return Chart(title, f"{title}. {beside.title} over {below.title}.", spec, width=_WIDTH)


_BARE: Spec = {"title": None, "ticks": False, "domain": False, "labelLimit": 320}


def _row(bar: Bar) -> Spec:
    row: Spec = {"label": bar.label, "value": bar.value, "colour": bar.colour, "kind": bar.kind, "words": bar.words}
    return row if bar.ends is None else {**row, "least": bar.ends[0], "greatest": bar.ends[1]}


def _colour(bars: Sequence[Bar]) -> Spec:
    kinds = {bar.kind: bar.colour for bar in bars if bar.kind}
    if not kinds:
        return {"color": {"field": "colour", "type": "nominal", "scale": None}}
    scale = {"domain": list(kinds), "range": list(kinds.values())}
    return {"color": {"field": "kind", "type": "nominal", "scale": scale, "legend": {"title": None}}}


def _whiskers() -> Spec:
    ends = {"x": {"field": "least", "type": "quantitative"}, "x2": {"field": "greatest"}}
    return {"mark": {"type": "rule", "style": "ink-line"}, "encoding": ends}


def _words() -> Spec:
    mark = {"type": "text", "align": "left", "dx": 5, "style": "ink", "fontSize": 11}
    return {"mark": mark, "encoding": {"x": {"field": "greatest", "type": "quantitative"}, "text": {"field": "words"}}}


def _across(name: str, value: float) -> Spec:
    x = {"field": "value", "type": "quantitative"}
    words = {"type": "text", "align": "right", "dx": -4, "y": 8, "style": "ink", "fontSize": 11}
    return {
        "data": {"values": [{"name": name, "value": value}]},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [5, 4], "style": "ink-line"}, "encoding": {"x": x}},
            {"mark": words, "encoding": {"x": x, "text": {"field": "name"}}},
        ],
    }


def _diagonal(name: str, beside: Axis) -> Spec:
    ends = [{"x": 0, "y": 0}, {"x": 1, "y": 1}]
    places = {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative", "title": beside.title},
    }
    words = {"type": "text", "align": "right", "baseline": "top", "dx": -6, "dy": 40, "style": "ink", "fontSize": 11}
    return {
        "layer": [
            {
                "data": {"values": ends},
                "mark": {"type": "line", "strokeDash": [5, 4], "style": "muted-line"},
                "encoding": places,
            },
            {
                "data": {"values": [{**ends[1], "name": name}]},
                "mark": words,
                "encoding": {**places, "text": {"field": "name"}},
            },
        ]
    }
