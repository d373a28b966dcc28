"""What all charts of cells have in common: how far colours reach, and when cells have numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.drawing import Spec
from taskvec.results import Unit

MOST_NUMBERS = 400
"""Cells that have their numbers written in."""

MOST_MARKS = 2_500
"""Cells that are marks of their own on paper; more are one image."""

LEAST_WIDTH = 30
"""Pixels of a cell with a number in it."""

LEAST_SLANTED = 16
"""Pixels of a column with a slanted name."""

_LONGEST_NAME = 24
_LEAST_LIMITS: dict[Unit, float] = {"fraction": 0.01}
_LEAST_LIMIT = 1e-9


def limit_of(values: NDArray[np.float64], unit: Unit) -> float:
    """Return the size of what has the strongest colour: the largest, but nothing so small that it means nothing.

    Args:
        values: Numbers of any shape; NaN where nothing is known.
        unit: Of the numbers.
    """
    largest = np.max(np.abs(values), initial=0.0, where=np.isfinite(values))
    return max(float(largest), _LEAST_LIMITS.get(unit, _LEAST_LIMIT))


def colour_of(field: str, limit: float, *, is_signed: bool, form: str, title: str | None) -> Spec:
    """Return the channel of colour; where numbers are signed, colours are symmetric about 0.

    Args:
        field: Of the data.
        limit: What has the strongest colour.
        is_signed: Whether there are negative numbers.
        form: How numbers are written beside the colours.
        title: What stands above them.
    """
    return {
        "field": field,
        "type": "quantitative",
        "scale": {
            "domain": [-limit if is_signed else 0, limit],
            "range": "diverging" if is_signed else "heatmap",
            "interpolate": "rgb",
            "clamp": True,
        },
        "legend": {"title": title, "format": form, "gradientLength": 160},
    }


def numbers_on(field: str, strong: str, form: str, columns: int) -> Iterator[Spec]:
    """Yield layers of numbers: dark on a quiet cell, light on a strong one, a dash where none is known; if they fit.

    Args:
        field: Of the data.
        strong: An expression that is true of a strong cell.
        form: How a number is written.
        columns: How many cells share the width.
    """
    known, number = f"isValid(datum.{field})", {"field": field, "type": "quantitative", "format": form}
    fits = {"expr": f"width / {columns} < {LEAST_WIDTH} ? 0 : 1"}
    for style, where, text in (
        ("ink", f"{known} && !({strong})", number),
        ("on-strong", f"{known} && {strong}", number),
        ("ink", f"!{known}", {"value": "–"}),
    ):
        mark = {"type": "text", "style": style, "fontSize": 10, "opacity": fits, "tooltip": None}
        yield {"transform": [{"filter": where}], "mark": mark, "encoding": {"text": text}}


def shortened(name: str) -> str:
    """Return the expression that takes letters out of the middle of a long name, since names often differ at the end.

    Args:
        name: The expression of the name.
    """
    half = _LONGEST_NAME // 2
    return f"length({name}) > {_LONGEST_NAME} ? slice({name}, 0, {half}) + '…' + slice({name}, -{half}) : {name}"


def crowded(columns: int) -> Spec:
    """Return when slanted names overlap, and half of them are left out.

    Args:
        columns: How many share the width.
    """
    return {"expr": f"width / {columns} < {LEAST_SLANTED} ? 'parity' : false"}
