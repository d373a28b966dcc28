"""How the pictures look: bars of time in the library's own style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measuring import Run, timing
from taskvec.reports.figures import BLUE, INK, LIGHT_GREY, VERMILLION

OURS, FLOOR, PEER, LIMIT = BLUE, LIGHT_GREY, VERMILLION, INK

Axes = Any  # matplotlib is an extra and has no annotations of its own here


def time_bars(axes: Axes, runs: Mapping[str, Sequence[Run]], colours: Mapping[str, str]) -> None:
    """Lying bars of the middle time, whiskers from the least to the greatest, the seconds beside them."""
    labels = list(runs)
    times = [timing(runs[label]) for label in labels]
    middle = [time[0] for time in times]
    whiskers = [[m - least for m, least, _ in times], [greatest - m for m, _, greatest in times]]
    axes.barh(
        labels, middle, 0.7, xerr=whiskers, color=[colours[label] for label in labels],
        error_kw={"ecolor": INK, "elinewidth": 1.0, "capsize": 2},
    )  # fmt: skip
    for place, (m, _, greatest) in enumerate(times):
        axes.annotate(
            f"{m:.2f} s" if m < 100 else f"{m:.0f} s",
            (greatest, place),
            (4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.invert_yaxis()
    axes.set_xlabel("seconds, whole process")
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
