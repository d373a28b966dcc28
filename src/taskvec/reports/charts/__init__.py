"""Charts as values: numbers in, a specification out, which pages, notebooks and pictures draw alike."""

from taskvec.reports.charts.angles import angles_chart
from taskvec.reports.charts.atoms import atoms_chart
from taskvec.reports.charts.cells import cells_chart
from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.cosine_map import cosine_map
from taskvec.reports.charts.lines import lines_chart
from taskvec.reports.charts.points import points_chart

__all__ = [
    "Chart",
    "angles_chart",
    "atoms_chart",
    "cells_chart",
    "cosine_map",
    "lines_chart",
    "points_chart",
]
