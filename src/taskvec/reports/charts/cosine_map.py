"""Cosines between T task vectors as cells in the order of a tree that stands above them; T = 200 stays readable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.grid import (
    LEAST_SLANTED,
    MOST_MARKS,
    MOST_NUMBERS,
    colour_of,
    crowded,
    limit_of,
    numbers_on,
    shortened,
)
from taskvec.reports.charts.image import image_layer
from taskvec.reports.charts.values import tip
from taskvec.reports.drawing import Spec
from taskvec.reports.likeness import Tree

Matrix = NDArray[np.float64]

WANTED = "wanted"
"""The parameter of the chart that holds what a reader searches for; rows and columns of such names are framed."""

_MOST_NAMES = 60
_MOST_NAMES_ON_PAPER = 100
_TREE_SHARE = 0.16  # of the height
_SIDE = 760
_CELL = 56  # pixels on paper, where there is room
_LEAST_CELL = 9  # pixels on paper, with a name
_WIDTHS = (168, 620)  # pixels on paper

_CORNERS: Spec = {"x2": {"field": "end"}, "y2": {"field": "end"}}
_TAKEN_APART: list[Spec] = [
    {"flatten": ["cosine"]},
    {"window": [{"op": "row_number", "as": "place"}], "groupby": ["top"]},
    {"calculate": "datum.place - 1", "as": "left"},
    {"calculate": "datum.top + 1", "as": "bottom"},
    {"calculate": "names[datum.top]", "as": "first"},
    {"calculate": "names[datum.left]", "as": "second"},
]


def cosine_map(names: Sequence[str], cosine: Matrix, tree: Tree) -> Chart:
    """Draw cosines; a frame around each group of the tree, colours for the values off the diagonal.

    The diagonal, and cosines that are not known, are grey. Up to 20 vectors every cell has its number.

    Args:
        names: The T names.
        cosine: Cosines, ``(T, T)``; NaN beside a zero vector.
        tree: Their order and groups.

    Returns:
        The chart.

    Raises:
        ValueError: If there is no vector, or the matrix is not ``(T, T)``.
    """
    count, order = len(names), list(tree.order)
    if not count or cosine.shape != (count, count):
        raise ValueError(f"expected a cosine for each pair of {count} names, found shape {cosine.shape}")
    ordered, cells = [names[index] for index in order], cosine[np.ix_(order, order)]
    top = max(_TREE_SHARE * count, 0.8) if count > 1 else 0.0
    side = int(np.clip(44 * count + 90, 300, _SIDE))
    around = [_tree(tree, top), _groups(tree)]
    spec: Spec = {
        "height": int(side * 0.92),
        "params": [{"name": "names", "value": ordered}, {"name": WANTED, "value": ""}],
        "encoding": _places(count, top, has_names=count <= _MOST_NAMES),
        "layer": [_cells(cells), *around, *_found(ordered)],
    }
    has_names, narrow, wide = count <= _MOST_NAMES_ON_PAPER, *_WIDTHS
    width = int(np.clip(_CELL * count, narrow, max(wide, _LEAST_CELL * count) if has_names else wide))
    places = _places(count, top, has_names=has_names)
    if width < LEAST_SLANTED * count:
        small = {"labelFontSize": width / count - 1}
        places["x"]["axis"] |= {**small, "labelAngle": -90, "labelOverlap": False}
        places["y"]["axis"] |= small
    drawn = _as_image(cells) if count**2 > MOST_MARKS else [_cells(cells)]
    paper: Spec = {"height": round(width * (count + top) / count), "encoding": places, "layer": [*drawn, *around]}
    said = f"Cosines between {count} task vectors, in the order of a tree above the cells; {_spans(tree)} groups."
    return Chart("Cosines between task vectors", said, spec, side, paper, width)


def _places(count: int, top: float, *, has_names: bool) -> Spec:
    marks = {
        "values": [k + 0.5 for k in range(count) if has_names],
        "labelExpr": shortened("names[floor(datum.value)]"),
    }
    title = None if has_names else f"{count} task vectors, in the order of the tree"
    shown = {"ticks": False, "domain": False, "grid": False, "labels": has_names, **marks}
    scale = {"nice": False, "zero": False}
    return {
        "x": {
            "type": "quantitative",
            "field": "left",
            "scale": {**scale, "domain": [0, count]},
            "axis": {**shown, "title": title, "orient": "bottom", "labelAngle": -45, "labelOverlap": crowded(count)},
        },
        "y": {
            "type": "quantitative",
            "field": "top",
            "scale": {**scale, "domain": [count, -top]},
            "axis": {**shown, "title": None, "labelOverlap": False},
        },
    }


def _cells(cosine: Matrix) -> Spec:
    count, limit = len(cosine), _limit(cosine)
    is_own, is_known = "datum.top === datum.left", "isValid(datum.cosine)"
    tips = [tip("first", "one"), tip("second", "other"), tip("cosine", "cosine", "number")]
    spread = {"x2": {"field": "place"}, "y2": {"field": "bottom"}}
    layers: list[Spec] = [
        {
            "transform": [{"filter": f"{is_known} && !({is_own})"}],
            "mark": {"type": "rect", "aria": False},
            "encoding": {**spread, "color": _colour(limit), "tooltip": tips},
        },
        {
            "transform": [{"filter": f"!{is_known} || {is_own}"}],
            "mark": {"type": "rect", "aria": False, "style": "unknown"},
            "encoding": {**spread, "tooltip": tips[:2]},
        },
    ]
    if count**2 <= MOST_NUMBERS:
        layers.append(_numbers(count, f"abs(datum.cosine) > {0.5 * limit} && !({is_own})"))
    return {"data": {"values": _rows(cosine)}, "transform": _TAKEN_APART, "layer": layers}


def _numbers(count: int, strong: str) -> Spec:
    middle = [{"calculate": f"datum.{edge} + 0.5", "as": place} for edge, place in (("left", "x"), ("top", "y"))]
    places = {axis: {"field": axis, "type": "quantitative"} for axis in ("x", "y")}
    return {"transform": middle, "encoding": places, "layer": list(numbers_on("cosine", strong, ".2f", count))}


def _as_image(cosine: Matrix) -> list[Spec]:
    """Return what is drawn in place of marks: the colours of no cell at all, and the image."""
    count, limit = len(cosine), _limit(cosine)
    legend = {"data": {"values": []}, "mark": "rect", "encoding": {"color": _colour(limit)}}
    return [legend, image_layer(_off_diagonal(cosine), -limit, limit, _CORNERS, {"left": 0, "top": 0, "end": count})]


def _off_diagonal(cosine: Matrix) -> Matrix:
    return np.where(np.eye(len(cosine), dtype=bool), np.nan, cosine)


def _limit(cosine: Matrix) -> float:
    return limit_of(_off_diagonal(cosine), "fraction")


def _colour(limit: float) -> Spec:
    return colour_of("cosine", limit, is_signed=True, form=".2f", title="cosine")


def _rows(cosine: Matrix) -> list[Spec]:
    return [{"top": i, "cosine": [_rounded(value) for value in row]} for i, row in enumerate(cosine)]


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _tree(tree: Tree, top: float) -> Spec:
    least = float(tree.segments[:, [1, 3]].min(initial=1.0))
    scale = top * 0.94 / max(1.0 - least, 1e-12)
    rows = [
        {"left": x, "top": -scale * (1 - y), "right": x2, "bottom": -scale * (1 - y2)}
        for x, y, x2, y2 in tree.segments.round(5).tolist()
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "rule", "style": "muted-line", "tooltip": None},
        "encoding": {"x2": {"field": "right"}, "y2": {"field": "bottom"}},
    }


def _runs(tree: Tree) -> list[tuple[int, int]]:
    """Return where each group begins and ends in the order of the tree."""
    runs, start = [], 0
    for _, members in groupby(tree.groups[index] for index in tree.order):
        length = len(list(members))
        runs.append((start, start + length))
        start += length
    return runs


def _spans(tree: Tree) -> int:
    return len(_runs(tree))


def _groups(tree: Tree) -> Spec:
    rows = [{"left": start, "top": start, "right": end, "bottom": end} for start, end in _runs(tree)]
    return _frames({"values": rows}, "ink-line", 1.2)


def _found(names: Sequence[str]) -> list[Spec]:
    """Frame the rows and the columns of names that hold what is searched for."""
    count = len(names)
    values: list[dict[str, Any]] = [{"name": name, "at": k} for k, name in enumerate(names)]
    where = {"filter": f"{WANTED} !== '' && indexof(lower(datum.name), lower({WANTED})) >= 0"}
    spans = {
        "rows": {"left": "0", "right": str(count), "top": "datum.at", "bottom": "datum.at + 1"},
        "columns": {"left": "datum.at", "right": "datum.at + 1", "top": "0", "bottom": str(count)},
    }
    layers = []
    for ends in spans.values():
        steps = [where, *({"calculate": formula, "as": end} for end, formula in ends.items())]
        layers.append({**_frames({"values": values}, "ink-line", 2), "transform": steps})
    return layers


def _frames(data: Spec, style: str, width: float) -> Spec:
    mark = {"type": "rect", "filled": False, "style": style, "strokeWidth": width, "tooltip": None}
    return {"data": data, "mark": mark, "encoding": {"x2": {"field": "right"}, "y2": {"field": "bottom"}}}
