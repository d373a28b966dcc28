"""Charts as values: numbers in, a specification out, which pages, notebooks and pictures draw alike."""

from taskvec.reports.charts.angles import angles_chart
from taskvec.reports.charts.atoms import atoms_chart
from taskvec.reports.charts.cells import cells_chart
from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.cosine_map import cosine_map
from taskvec.reports.charts.errors import error_chart
from taskvec.reports.charts.lines import Ring, lines_chart
from taskvec.reports.charts.matrices import coefficients_chart, group_errors_chart, shared_chart
from taskvec.reports.charts.points import points_chart

__all__ = [
    "Chart",
    "Ring",
    "angles_chart",
    "atoms_chart",
    "cells_chart",
    "coefficients_chart",
    "cosine_map",
    "error_chart",
    "group_errors_chart",
    "lines_chart",
    "points_chart",
    "shared_chart",
]
