"""A table as points: a band for each row, a mark for each column, a line for each spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.values import FEW_COLUMNS, FORMATS, tip, titled
from taskvec.reports.drawing import Spec
from taskvec.results import Measured, Table, Unit

_LINE = 11  # pixels a mark


def points_chart(table: Table) -> Chart:
    """Draw the columns of numbers that have the unit of the first of them; values beside row names.

    Colours and shapes both tell columns apart. Numbers that are not known have no mark.

    Args:
        table: The table; its first column names the rows.

    Returns:
        The chart.
    """
    unit = table.columns[table.numbers[0]].unit
    drawn = [index for index in table.numbers if table.columns[index].unit == unit]
    names = [table.columns[index].name for index in drawn]
    rows = list(_rows(table, drawn))
    tips = _tips(table, unit)
    spec: Spec = {
        "height": max(_LINE * len(names) + 6, 20) * len({row["row"] for row in rows}),
        "data": {"values": rows},
        "encoding": _places(table, names, unit, rows),
        "layer": [_spreads(), _marks(names, tips)],
    }
    said = f"{table.title}. {', '.join(names)} for each of {len(table.rows)} rows"
    return Chart(table.title, f"{said}, with {table.spread}." if table.spread else f"{said}.", spec)


def _rows(table: Table, drawn: list[int]) -> Iterator[dict[str, Any]]:
    for place, row in enumerate(table.rows):
        for index in drawn:
            cell = row[index]
            if cell is None or isinstance(cell, str):
                continue
            value, spread, n = (cell.value, cell.spread, cell.n) if isinstance(cell, Measured) else (cell, None, None)
            found = {"place": place, "row": str(row[0]), "column": table.columns[index].name, "value": value}
            if spread is not None:
                found |= {"spread": spread, "low": value - spread, "high": value + spread}
            yield found if n is None else {**found, "n": n}


def _places(table: Table, names: list[str], unit: Unit, rows: list[dict[str, Any]]) -> Spec:
    order = list(dict.fromkeys(row["row"] for row in rows))
    axis = {"title": table.columns[0].name, "ticks": False, "domain": False}
    return {
        "y": {"field": "row", "type": "nominal", "sort": order, "axis": axis, "scale": {"paddingInner": 0.2}},
        "yOffset": {"field": "column", "type": "nominal", "sort": names},
        "color": {
            "field": "column",
            "type": "nominal",
            "sort": names,
            "scale": {"domain": names},
            "legend": {"title": None, "columns": FEW_COLUMNS, "orient": "top"},
        },
        "x": {
            "field": "value",
            "type": "quantitative",
            "scale": {"zero": False, "nice": True},
            "axis": {"format": FORMATS[unit], "grid": True, "tickCount": 6, "title": titled("", unit) or None},
        },
    }


def _spreads() -> Spec:
    ends = {"x": {"field": "low", "type": "quantitative", "title": ""}, "x2": {"field": "high"}}
    return {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55}, "encoding": ends}


def _marks(names: list[str], tips: list[Spec]) -> Spec:
    shape = {"field": "column", "type": "nominal", "sort": names, "scale": {"domain": names}}
    return {
        "mark": {"type": "point", "filled": True, "size": 62, "opacity": 1},
        "encoding": {"shape": shape, "tooltip": tips},
    }


def _tips(table: Table, unit: Unit) -> list[Spec]:
    measured = [cell for row in table.rows for cell in row if isinstance(cell, Measured)]
    tips = [tip("row", table.columns[0].name), tip("column", "column"), tip("value", "value", unit)]
    if any(cell.spread is not None for cell in measured):
        tips.append(tip("spread", f"± {table.spread}", unit))
    if any(cell.n is not None for cell in measured):
        tips.append(tip("n", "n", "count"))
    return tips
