"""How numbers are written on charts: one d3 format for each unit, and tooltips that say every number of a mark."""

from __future__ import annotations

from typing import Any

from taskvec.results import Unit

FORMATS: dict[Unit, str] = {
    "text": "",
    "count": ",d",
    "number": ".4~g",
    "fraction": ".1%",
    "bytes": ".3~s",
    "seconds": ".3~g",
}

FEW_COLUMNS = {"expr": "width < 420 ? 1 : 2"}
"""Of a legend: names stay whole on a telephone."""

SUFFIXES: dict[Unit, str] = {"bytes": " (bytes)", "seconds": " (s)"}


def titled(name: str, unit: Unit) -> str:
    """Return the title of an axis of that unit."""
    return name + SUFFIXES.get(unit, "")


def tip(key: str, title: str, unit: Unit = "text") -> dict[str, Any]:
    """Return a line of a tooltip, as a channel of Vega-Lite.

    Args:
        key: Of the data.
        title: What it is called.
        unit: How it is written.

    Returns:
        The channel.
    """
    if unit == "text":
        return {"field": key, "title": title, "type": "nominal"}
    return {"field": key, "title": title, "type": "quantitative", "format": FORMATS[unit]}
