"""Tables of raw numbers with units: formatted only where they are shown, on a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

Cell = str | int | float | tuple[float, float, float] | None


class Unit(StrEnum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    SECONDS = "seconds"
    TIMING = "timing"  # (median, least, greatest) seconds
    BYTES = "bytes"
    RATIO = "ratio"
    FRACTION = "fraction"
    ERROR = "error"  # relative, over many orders of magnitude


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and unit."""

    name: str
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; None where there is nothing to say."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def formatted(self) -> list[list[str]]:
        """Every cell as people read it, the headings first."""
        head = [column.name for column in self.columns]
        body = [[show(c, column.unit) for c, column in zip(row, self.columns, strict=True)] for row in self.rows]
        return [head, *body]


def show(value: Cell, unit: Unit) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return "{} ({} – {})".format(*(_seconds(part) for part in value))
    if isinstance(value, str):
        return value
    return _FORMATS[unit](value)


def plain(table: Table) -> str:
    """A table for a terminal."""
    rows = table.formatted()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [column.unit is not Unit.TEXT for column in table.columns]
    lines = [
        "  ".join(f"{cell:{'>' if at_right else '<'}{width}}" for cell, width, at_right in _zip(row, widths, right))
        for row in rows
    ]
    return "\n".join([table.title, *lines])


def markdown(table: Table) -> str:
    """A table for a page."""
    head, *body = table.formatted()
    ruler = ["---" if column.unit is Unit.TEXT else "--:" for column in table.columns]
    return "\n".join([f"**{table.title}**", "", *("| " + " | ".join(row) + " |" for row in (head, ruler, *body))])


def _zip(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> zip[tuple[str, int, bool]]:
    return zip(row, widths, right, strict=True)


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _size(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def _fraction(value: float) -> str:
    return f"{value:.3%}" if 0 < abs(value) < 0.1 else f"{value:.1%}"


_FORMATS: dict[Unit, Callable[[float], str]] = {
    Unit.TEXT: str,
    Unit.COUNT: lambda value: f"{value:,.0f}",
    Unit.SECONDS: lambda value: f"{_seconds(value)} s",
    Unit.TIMING: _seconds,
    Unit.BYTES: _size,
    Unit.RATIO: lambda value: f"{value:.2f}",
    Unit.FRACTION: _fraction,
    Unit.ERROR: lambda value: f"{value:.2g}",
}
