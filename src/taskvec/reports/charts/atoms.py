"""What a basis of M atoms would lose, for every M: of all tasks together, of the worst, of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.cosine_map import WANTED
from taskvec.reports.charts.values import tip
from taskvec.reports.drawing import Spec

Matrix = NDArray[np.float64]


def atoms_chart(
    num_atoms: Sequence[int],
    task_errors: Matrix,
    relative_error: Sequence[float],
    tasks: Sequence[str],
    num_bytes: Sequence[int],
    made: Sequence[tuple[str, int, float]] = (),
) -> Chart:
    """Draw the least relative errors against the number of atoms, with a thin line for each task.

    Args:
        num_atoms: N numbers of atoms, rising.
        task_errors: ‖τ̂ − τ‖ / ‖τ‖ in the best subspace, ``(N, T)``; NaN for a zero vector.
        relative_error: ‖V̂ − V‖_F / ‖V‖_F there, ``(N,)``.
        tasks: The T names.
        num_bytes: What so many atoms cost, ``(N,)``.
        made: Bases that exist: name, atoms, relative error.

    Returns:
        The chart.
    """
    grid = list(num_atoms)
    spec: Spec = {
        "height": 300,
        "params": [
            {"name": "grid", "value": grid},
            {"name": "sizes", "value": list(num_bytes)},
            {"name": WANTED, "value": ""},
        ],
        "encoding": {
            "x": _axis("atoms", "number of atoms M", [min(grid), max(grid)], 1),
            "y": _axis("error", "relative error", [0, 1], 0.05),
        },
        "layer": [
            _tasks(task_errors, tasks),
            _all(relative_error),
            *([_made(made)] if made else []),
        ],
    }
    said = f"Relative error against the number of atoms: all {len(tasks)} tasks together, and each task."
    return Chart("What M atoms lose", said, spec)


def _axis(field: str, title: str, domain: Sequence[float], step: float) -> Spec:
    scale = {"domain": list(domain), "nice": False}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": {"title": title, "tickMinStep": step}}


def _steps() -> list[Spec]:
    return [
        {"flatten": ["error"]},
        {"window": [{"op": "row_number", "as": "place"}], "groupby": ["task"]},
        {"calculate": "grid[datum.place - 1]", "as": "atoms"},
        {"calculate": "sizes[datum.place - 1]", "as": "bytes"},
    ]


def _tasks(errors: Matrix, tasks: Sequence[str]) -> Spec:
    rows = [{"task": task, "error": _plain(errors[:, t])} for t, task in enumerate(tasks)]
    found = f"{WANTED} !== '' && indexof(lower(datum.task), lower({WANTED})) >= 0"
    over = {"name": "over", "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["task"]}}
    strong = {"condition": [{"test": found, "value": 1}, {"param": "over", "empty": False, "value": 1}], "value": 0.3}
    wide = {"condition": [{"test": found, "value": 3}, {"param": "over", "empty": False, "value": 3}], "value": 1.1}
    return {
        "data": {"values": rows},
        "transform": [*_steps(), {"filter": "isValid(datum.error)"}],
        "params": [over],
        "mark": {"type": "line", "style": "muted-line", "point": {"size": 22, "filled": True}},
        "encoding": {
            "detail": {"field": "task", "type": "nominal"},
            "opacity": strong,
            "strokeWidth": wide,
            "tooltip": _tips(),
        },
    }


def _all(errors: Sequence[float]) -> Spec:
    return {
        "data": {"values": [{"task": "all together", "error": _plain(np.asarray(errors))}]},
        "transform": _steps(),
        "mark": {"type": "line", "strokeWidth": 2.5, "point": {"size": 45, "filled": True}},
        "encoding": {
            "color": {"field": "task", "type": "nominal", "legend": {"title": None, "symbolType": "stroke"}},
            "tooltip": _tips(),
        },
    }


def _made(made: Sequence[tuple[str, int, float]]) -> Spec:
    rows = [{"task": name, "atoms": count, "error": error} for name, count, error in made]
    return {
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "point", "shape": "diamond", "size": 130, "strokeWidth": 2, "style": "ink-line"},
                "encoding": {"tooltip": [tip("task", "basis"), *_tips()[1:3]]},
            },
            {
                "mark": {"type": "text", "dy": -12, "style": "ink", "fontSize": 11},
                "encoding": {"text": {"field": "task", "type": "nominal"}},
            },
        ],
    }


def _tips() -> list[Spec]:
    return [
        tip("task", "task"),
        tip("atoms", "atoms", "count"),
        tip("error", "relative error", "number"),
        tip("bytes", "bytes", "bytes"),
    ]


def _plain(values: Matrix) -> list[float | None]:
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]
