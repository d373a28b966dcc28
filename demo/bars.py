"""The accuracy bars: one group a task, one colour a model."""

from pathlib import Path
from typing import Any

from demo.evaluation import mean
from demo.result import Findings
from taskvec.reports import Chart

# Okabe and Ito's colours, told apart by people with any common colour vision; grey for what is only a yardstick.
COLOURS = {
    "raw pixels": "#C9C9C9",
    "base": "#7F7F7F",
    "own fine-tune": "#56B4E9",
    "sum of all": "#E69F00",
    "sum from basis": "#009E73",
}
MEAN = "mean"
WIDTH, HEIGHT = 940, 320  # of the bars, in pixels

Spec = dict[str, Any]


def draw(result: Findings, file: Path) -> None:
    """Save the bars as a picture."""
    chart(result).save(file)


def chart(result: Findings) -> Chart:
    """One group of bars a task, and one for their mean, which says its numbers."""
    labels = {label: _legend(label, result) for label in result.rows()}
    rows = [
        {"task": task, "model": labels[label], "accuracy": 100 * value}
        for label, row in result.rows().items()
        for task, value in {**row, MEAN: mean(row)}.items()
    ]
    places = {"field": "task", "type": "nominal", "sort": [*result.tasks, MEAN]}
    models = {"field": "model", "type": "nominal", "sort": list(labels.values())}
    scale = {"domain": list(labels.values()), "range": [COLOURS[label] for label in labels]}
    spec: Spec = {
        "height": HEIGHT,
        "data": {"values": rows},
        "encoding": {
            "x": {**places, "axis": _AXIS_OF_TASKS, "scale": {"paddingInner": 0.22}},
            "xOffset": models,
            "y": {
                "field": "accuracy",
                "type": "quantitative",
                "scale": {"domain": [0, 100]},
                "axis": {"title": "test accuracy, %", "grid": True, "tickCount": 6},
            },
        },
        "layer": [
            {
                "mark": {"type": "bar"},
                "encoding": {"color": {**models, "scale": scale, "legend": {"title": None, "orient": "top"}}},
            },
            {
                "transform": [{"filter": f"datum.task === '{MEAN}'"}],
                "mark": {"type": "text", "dy": -6, "fontSize": 9, "style": "ink"},
                "encoding": {"text": {"field": "accuracy", "type": "quantitative", "format": ".0f"}},
            },
        ],
    }
    return Chart(result.verdict(), f"Test accuracies of {', '.join(labels.values())} on each task.", spec, width=WIDTH)


_AXIS_OF_TASKS: Spec = {
    "title": None,
    "ticks": False,
    "labelAngle": 0,
    "labelFontWeight": {"condition": {"test": f"datum.value === '{MEAN}'", "value": "bold"}, "value": "normal"},
}


def _legend(label: str, result: Findings) -> str:
    if label == "sum of all":
        return f"base + λ · sum of all {len(result.tasks)} vectors"
    return f"the same from {result.compression['num_atoms']} atoms" if label == "sum from basis" else label
