"""The accuracy bars: one group a task, one colour a model."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from demo.evaluation import mean
from demo.result import Findings

# Okabe and Ito's colours, told apart by people with any common colour vision; grey for what is only a yardstick.
COLOURS = {
    "raw pixels": "#C9C9C9",
    "base": "#7F7F7F",
    "own fine-tune": "#56B4E9",
    "sum of all": "#E69F00",
    "sum from basis": "#009E73",
}
GAP = 0.22  # between groups, in groups


def draw(result: Findings, file: Path) -> None:
    """Save the bars as a picture."""
    figure = Figure(figsize=(11, 4.6), dpi=160, layout="constrained")
    axes = figure.subplots()
    rows = {label: [100 * value for value in (*row.values(), mean(row))] for label, row in result.rows().items()}
    groups = np.arange(len(result.tasks) + 1.0)
    groups[-1] += 0.35  # the mean stands apart
    width = (1 - GAP) / len(rows)
    for number, (label, values) in enumerate(rows.items()):
        places = groups + (number - (len(rows) - 1) / 2) * width
        axes.bar(places, values, 0.9 * width, color=COLOURS[label], label=_legend(label, result))
        axes.text(places[-1], values[-1] + 1, f"{values[-1]:.0f}", ha="center", fontsize=7.5)
    _dress(axes, groups, [*result.tasks, "mean"])
    figure.suptitle(result.verdict(), x=0.01, ha="left", fontsize=11)
    figure.savefig(file)


def _legend(label: str, result: Findings) -> str:
    if label == "sum of all":
        return f"base + λ · sum of all {len(result.tasks)} vectors"
    return f"the same from {result.compression['num_atoms']} atoms" if label == "sum from basis" else label


def _dress(axes: Axes, places: np.ndarray, names: list[str]) -> None:
    axes.set_xticks(places, names)
    axes.get_xticklabels()[-1].set_fontweight("bold")
    axes.set_ylim(0, 105)
    axes.set_ylabel("test accuracy, %")
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.grid(visible=True, color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(ncols=5, frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, 1.1), borderaxespad=0)
