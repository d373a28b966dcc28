"""Figures and pages made from numbers; no torch, no weights. What draws them is imported when they are made.

``cosine_heatmap`` and its siblings draw what ``--plot`` asks for, with matplotlib. Charts are values that pages,
notebooks and pictures share: ``lines_chart(curves).save("curves.svg")``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskvec.reports.charts import (
        Chart,
        angles_chart,
        atoms_chart,
        cells_chart,
        cosine_map,
        lines_chart,
        points_chart,
    )
    from taskvec.reports.curve import error_curve
    from taskvec.reports.figures import check_figure
    from taskvec.reports.heatmap import cosine_heatmap
    from taskvec.reports.likeness import tree
    from taskvec.reports.matrix import coefficient_heatmap, group_error_map
    from taskvec.reports.output import check_page, write_page
    from taskvec.reports.result_page import report_page
    from taskvec.reports.shared_energy import shared_heatmap
    from taskvec.reports.store.page import store_page

__all__ = [
    "Chart",
    "angles_chart",
    "atoms_chart",
    "cells_chart",
    "check_figure",
    "check_page",
    "coefficient_heatmap",
    "cosine_heatmap",
    "cosine_map",
    "error_curve",
    "group_error_map",
    "lines_chart",
    "points_chart",
    "report_page",
    "shared_heatmap",
    "store_page",
    "tree",
    "write_page",
]

_HOMES = {
    **dict.fromkeys(
        ("Chart", "angles_chart", "atoms_chart", "cells_chart", "cosine_map", "lines_chart", "points_chart"), "charts"
    ),
    "check_figure": "figures",
    "check_page": "output",
    "coefficient_heatmap": "matrix",
    "cosine_heatmap": "heatmap",
    "error_curve": "curve",
    "group_error_map": "matrix",
    "report_page": "result_page",
    "shared_heatmap": "shared_energy",
    "store_page": "store.page",
    "tree": "likeness",
    "write_page": "output",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        AttributeError: If there is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'taskvec.reports' has no attribute {name!r}")
    return getattr(importlib.import_module(f"taskvec.reports.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
