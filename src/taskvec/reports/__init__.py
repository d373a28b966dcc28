"""Figures made from numbers; no torch, no weights. matplotlib is imported when a figure is drawn, not before."""

from taskvec.reports.curve import error_curve
from taskvec.reports.figures import check_figure
from taskvec.reports.heatmap import cosine_heatmap
from taskvec.reports.matrix import coefficient_heatmap, group_error_map
from taskvec.reports.shared_energy import shared_heatmap

__all__ = ["check_figure", "coefficient_heatmap", "cosine_heatmap", "error_curve", "group_error_map", "shared_heatmap"]
