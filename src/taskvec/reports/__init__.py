"""Charts and pages made from numbers; no torch, no weights. What draws them is imported when they are made.

Charts are values that pages, notebooks and pictures share: ``lines_chart(curves).save("curves.svg")``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskvec.reports.charts import (
        Chart,
        Ring,
        angles_chart,
        atoms_chart,
        cells_chart,
        coefficients_chart,
        cosine_map,
        error_chart,
        group_errors_chart,
        lines_chart,
        points_chart,
        shared_chart,
    )
    from taskvec.reports.likeness import tree
    from taskvec.reports.output import check_figure, check_page, write_figure, write_page
    from taskvec.reports.result_page import report_page
    from taskvec.reports.store.page import store_page

__all__ = [
    "Chart",
    "Ring",
    "angles_chart",
    "atoms_chart",
    "cells_chart",
    "check_figure",
    "check_page",
    "coefficients_chart",
    "cosine_map",
    "error_chart",
    "group_errors_chart",
    "lines_chart",
    "points_chart",
    "report_page",
    "shared_chart",
    "store_page",
    "tree",
    "write_figure",
    "write_page",
]

_HOMES = {
    "check_figure": "output",
    "check_page": "output",
    "report_page": "result_page",
    "store_page": "store.page",
    "tree": "likeness",
    "write_figure": "output",
    "write_page": "output",
}
_CHARTS = "charts"  # of all other names


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        AttributeError: If there is no such name.
    """
    if name not in __all__:
        raise AttributeError(f"module 'taskvec.reports' has no attribute {name!r}")
    return getattr(importlib.import_module(f"taskvec.reports.{_HOMES.get(name, _CHARTS)}"), name)


def __dir__() -> list[str]:
    return __all__
