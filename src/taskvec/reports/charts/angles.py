"""Principal angles between what tasks changed, matrix by matrix."""

from __future__ import annotations

from collections.abc import Sequence

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.values import tip
from taskvec.reports.drawing import Spec


def angles_chart(layers: Sequence[str], angles: Sequence[tuple[str, str, float]], title: str) -> Chart:
    """Draw a tick for each shared direction: small angles are directions that all tasks have.

    Args:
        layers: All layers, in order.
        angles: Layer, tensor and degrees of each direction.
        title: What stands above the figure.

    Returns:
        The chart.
    """
    rows = [{"layer": layer, "tensor": tensor, "angle": round(angle, 2)} for layer, tensor, angle in angles]
    where = {"ticks": False, "title": None, "labelOverlap": True}
    spec: Spec = {
        "height": len(layers) * (20 if len(layers) <= 40 else 9),
        "data": {"values": rows},
        "mark": {"type": "tick", "opacity": 0.55, "thickness": 1.5},
        "encoding": {
            "y": {"field": "layer", "type": "nominal", "sort": list(layers), "axis": where},
            "x": {
                "field": "angle",
                "type": "quantitative",
                "scale": {"domain": [0, 90]},
                "axis": {"title": "degrees between a shared direction and the tasks' spaces", "grid": True},
            },
            "tooltip": [tip("tensor", "tensor"), tip("angle", "degrees", "number")],
        },
    }
    return Chart(title, f"{title}: {len(angles)} directions in {len(layers)} layers, from 0 to 90 degrees.", spec)
