"""Colours and type of every chart, for light and dark paper; told apart by readers with any common colour vision.

Lines and marks are the colours of Okabe and Ito (2008); signed numbers run from blue to orange-red through the paper's
own grey, so that zero recedes on either paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Paper:
    """What a chart is drawn on.

    Attributes:
        ink: Text.
        muted: Axes, and what is there only to be compared with.
        grid: Lines behind the marks.
        on_strong: Text on the strongest colours.
        lines: Colours of lines and marks, in the order of use.
        signed: From the most negative to the most positive number.
        rising: From 0 to the largest number.
        unknown: Where there is no number.
    """

    ink: str
    muted: str
    grid: str
    on_strong: str
    lines: tuple[str, ...]
    signed: tuple[str, ...]
    rising: tuple[str, ...]
    unknown: str


LIGHT = Paper(
    ink="#1c2024",
    muted="#60676f",
    grid="#e3e6e9",
    on_strong="#ffffff",
    lines=("#0072b2", "#d55e00", "#009e73", "#b65a92", "#56b4e9", "#b88500", "#60676f"),
    signed=("#0b4a8f", "#5a9bd0", "#f3f4f5", "#ee9b66", "#ad3708"),
    rising=("#f3f4f5", "#a9cfe6", "#4b97c9", "#0d5c9c", "#08306b"),
    unknown="#c4c8cc",
)

DARK = Paper(
    ink="#e8eaed",
    muted="#a2a9b1",
    grid="#343a41",
    on_strong="#101317",
    lines=("#56b4e9", "#f0803c", "#2fc08f", "#dd93bd", "#8f9fff", "#e6b43c", "#a2a9b1"),
    signed=("#7cc4f8", "#3678ad", "#23282e", "#a7562a", "#ffa877"),
    rising=("#23282e", "#1d4d74", "#2f7fb5", "#6bb9ea", "#c3e7ff"),
    unknown="#59616a",
)


def config(paper: Paper) -> dict[str, Any]:
    """Return the paper as a configuration of Vega-Lite; of one weight, since a PDF with two has no settled order.

    Args:
        paper: What is drawn on.

    Returns:
        Plain data.
    """
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "mark": {"color": paper.lines[0]},
        "axis": _axis(paper),
        "axisX": {"grid": False},
        "legend": _legend(paper),
        "title": {"color": paper.ink, "anchor": "start", "fontSize": 14, "fontWeight": "normal"},
        "range": {
            "category": list(paper.lines),
            "diverging": list(paper.signed),
            "heatmap": list(paper.rising),
            "ramp": list(paper.rising),
        },
        "style": {
            "ink": {"color": paper.ink},
            "on-strong": {"color": paper.on_strong},
            "muted-line": {"color": paper.muted},
            "ink-line": {"color": paper.ink},
            "unknown": {"color": paper.unknown},
        },
    }


def _axis(paper: Paper) -> dict[str, Any]:
    return {
        "labelColor": paper.ink,
        "titleColor": paper.muted,
        "titleFontWeight": "normal",
        "domainColor": paper.muted,
        "tickColor": paper.muted,
        "gridColor": paper.grid,
        "labelLimit": 180,
        "labelFontSize": 11,
        "maxExtent": 320,
    }


def _legend(paper: Paper) -> dict[str, Any]:
    return {
        "labelColor": paper.ink,
        "titleColor": paper.muted,
        "titleFontWeight": "normal",
        "orient": "bottom",
        "labelLimit": 200,
        "symbolOpacity": 1,
    }
