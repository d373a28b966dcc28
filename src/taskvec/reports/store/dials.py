"""The panel of the page that computes: what any combination of task vectors would be, before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.basis import Basis
from taskvec.reports.charts import Chart
from taskvec.reports.page import Section, WhatIf, Words
from taskvec.reports.store.facts import StoreFacts

Matrix = NDArray[np.float64]

MOST_BARS = 24
"""Tasks whose cosines are drawn: those of the largest, where there are more."""


def dials(facts: StoreFacts) -> Section:
    """Lay out the section."""
    said = Words(
        "Dial a combination: its norm, its cosine with every task and what each basis would lose of it are computed "
        "here, exactly, from the inner products that this page carries."
    )
    return Section("what-if", "What if", (said, WhatIf(panel_data(facts), _cosines(len(facts.names)))))


def panel_data(facts: StoreFacts) -> Mapping[str, Any]:
    """Return what the panel computes from: G and every R as lower rows, in full float64 precision."""
    places = {document.source.fingerprint: index for index, document in enumerate(facts.documents)}
    return {
        "store": str(facts.store.path),
        "names": list(facts.names),
        "mostBars": MOST_BARS,
        "gram": _lower(facts.gram),
        "bases": [_basis(basis, places) for basis in facts.bases],
    }


def _basis(basis: Basis, places: Mapping[str, int]) -> dict[str, Any]:
    tasks = [{"name": task.name, "vector": places.get(task.fingerprint)} for task in basis.document.tasks]
    shape = {"name": basis.name, "atoms": basis.num_atoms, "tasks": tasks}
    return {**shape, "residual": _lower(basis.certificate.residual)}


def _lower(matrix: Matrix) -> list[list[float | None]]:
    return [
        [float(value) if np.isfinite(value) else None for value in row[: place + 1]] for place, row in enumerate(matrix)
    ]


def _cosines(count: int) -> Chart:
    axis = {"title": None, "ticks": False, "domain": False}
    spec = {
        "height": 18 * min(count, MOST_BARS),
        "data": {"name": "cosines", "values": []},
        "encoding": {
            "y": {"field": "task", "type": "nominal", "sort": None, "axis": axis},
            "x": {"field": "cosine", "type": "quantitative", "scale": {"domain": [-1, 1]}, "axis": {"grid": True}},
            "tooltip": [
                {"field": "task", "type": "nominal"},
                {"field": "cosine", "type": "quantitative", "format": ".4f"},
            ],
        },
        "layer": [
            {"mark": {"type": "bar", "height": {"band": 0.7}}},
            {"mark": {"type": "rule", "style": "muted-line"}, "encoding": {"x": {"datum": 0}, "y": None}},
        ],
    }
    return Chart("Cosine of the combination with each task", "A bar for each task, from minus one to one.", spec)
