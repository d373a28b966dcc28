"""How the cells of tables are written and sorted."""

from __future__ import annotations

import math

from taskvec.results import Measured, Unit
from taskvec.results.tables import Cell

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
UNKNOWN = "–"


def shown(cell: Cell, unit: Unit) -> str:
    """Return a cell as a reader sees it, with its spread.

    Args:
        cell: What is in it.
        unit: Of its column.

    Returns:
        Text; a dash where nothing is known.
    """
    if cell is None or isinstance(cell, str):
        return UNKNOWN if cell is None else cell
    if not isinstance(cell, Measured):
        return _number(cell, unit)
    spread = "" if cell.spread is None else f" ± {_spread(cell.spread, unit)}"
    return f"{_number(cell.value, unit)}{spread}"


def sort_key(cell: Cell) -> str:
    """Return what a column is sorted by: the number in full, or the text."""
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else repr(cell.value if isinstance(cell, Measured) else cell)


def counted(cell: Cell) -> str:
    """Return how many measurements a cell is of; empty where it does not say."""
    return f"n = {cell.n}" if isinstance(cell, Measured) and cell.n is not None else ""


def _number(value: float, unit: Unit) -> str:
    match unit:
        case "fraction":
            text = f"{100 * value:.1f} %"
        case "count":
            text = f"{value:,.0f}"
        case "bytes":
            text = _size(value)
        case "seconds":
            text = f"{value:.3g} s" if value < 120 else f"{value / 60:.3g} min"
        case _:
            text = f"{value:.4g}"
    return text.replace("-", "−")


def _spread(value: float, unit: Unit) -> str:
    return f"{100 * value:.1f}" if unit == "fraction" else _number(value, unit)


def _size(value: float) -> str:
    power = min(int(math.log10(value) // 3), len(_SIZES) - 1) if value >= 1 else 0
    return f"{value / 1000**power:.3g} {_SIZES[power]}"
