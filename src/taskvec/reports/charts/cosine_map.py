"""Cosines between T task vectors as cells in the order of a tree that stands above them; T = 200 stays readable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.charts.chart import Chart, Spec
from taskvec.reports.charts.values import tip
from taskvec.reports.likeness import Tree

Matrix = NDArray[np.float64]

WANTED = "wanted"
"""The parameter of the chart that holds what a reader searches for; rows and columns of such names are framed."""

_MOST_NAMES = 60
_TREE_SHARE = 0.16  # of the height
_SIDE = 760
_LEAST_RANGE = 0.01


def cosine_map(names: Sequence[str], cosine: Matrix, tree: Tree) -> Chart:
    """Draw cosines; a frame around each group of the tree, colours for the values off the diagonal.

    Args:
        names: The T names.
        cosine: Cosines, ``(T, T)``; NaN beside a zero vector.
        tree: Their order and groups.

    Returns:
        The chart.
    """
    count, order = len(names), list(tree.order)
    ordered = [names[index] for index in order]
    top = max(_TREE_SHARE * count, 0.8)
    side = int(np.clip(44 * count + 90, 300, _SIDE))
    spec: Spec = {
        "height": int(side * 0.92),
        "params": [{"name": "names", "value": ordered}, {"name": WANTED, "value": ""}],
        "encoding": _places(count, top),
        "layer": [_cells(cosine[np.ix_(order, order)]), _tree(tree, top), _groups(tree), *_found(ordered)],
    }
    said = f"Cosines between {count} task vectors, in the order of a tree above the cells; {_spans(tree)} groups."
    return Chart("Cosines between task vectors", said, spec, side)


def _places(count: int, top: float) -> Spec:
    names = {"values": [k + 0.5 for k in range(count)], "labelExpr": "names[floor(datum.value)]"}
    shown = {"ticks": False, "domain": False, "grid": False, "title": None, "labels": count <= _MOST_NAMES, **names}
    scale = {"nice": False, "zero": False}
    return {
        "x": {
            "type": "quantitative",
            "field": "left",
            "scale": {**scale, "domain": [0, count]},
            "axis": {**shown, "orient": "bottom", "labelAngle": -45},
        },
        "y": {
            "type": "quantitative",
            "field": "top",
            "scale": {**scale, "domain": [count, -top]},
            "axis": {**shown, "labelOverlap": False},
        },
    }


def _cells(cosine: Matrix) -> Spec:
    off = np.where(np.eye(len(cosine), dtype=bool), np.nan, cosine)
    limit = max(float(np.max(np.abs(off), initial=0.0, where=np.isfinite(off))), _LEAST_RANGE)
    rows = [{"top": i, "cosine": [_rounded(value) for value in row]} for i, row in enumerate(off)]
    colour = {
        "field": "cosine",
        "type": "quantitative",
        "scale": {"domain": [-limit, limit], "range": "diverging", "interpolate": "rgb"},
        "legend": {"title": None, "format": ".2f", "gradientLength": 160},
    }
    return {
        "data": {"values": rows},
        "transform": [
            {"flatten": ["cosine"]},
            {"window": [{"op": "row_number", "as": "place"}], "groupby": ["top"]},
            {"calculate": "datum.place - 1", "as": "left"},
            {"calculate": "datum.top + 1", "as": "bottom"},
            {"calculate": "names[datum.top]", "as": "first"},
            {"calculate": "names[datum.left]", "as": "second"},
            {"filter": "isValid(datum.cosine)"},
        ],
        "mark": {"type": "rect", "aria": False},
        "encoding": {
            "x2": {"field": "place"},
            "y2": {"field": "bottom"},
            "color": colour,
            "tooltip": [tip("first", "one"), tip("second", "other"), tip("cosine", "cosine", "number")],
        },
    }


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
