"""What a result has to be drawn: curves and matrices, as numbers."""

from __future__ import annotations

from typing import Self

from pydantic import FiniteFloat, model_validator

from taskvec.results.documents import Count, Document, Spread, Text, Unit


class Axis(Document):
    """What lies along an axis.

    Attributes:
        name: In words.
        unit: Of the numbers.
        is_log: Whether equal ratios should have equal lengths.
    """

    name: Text
    unit: Unit = "number"
    is_log: bool = False


class Series(Document):
    """One line of a figure.

    Attributes:
        name: Its label.
        x: Positions, ``(N,)``.
        y: Values, ``(N,)``.
        spread: How far each value may be off, ``(N,)``.
        n: How many measurements each value is of.
        is_control: Whether it is there to be compared with, and drawn thin.
    """

    name: Text
    x: tuple[FiniteFloat, ...]
    y: tuple[FiniteFloat, ...]
    spread: tuple[Spread, ...] | None = None
    n: Count | None = None
    is_control: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse lengths that differ.

        Raises:
            ValueError: If they do.
        """
        lengths = {len(self.x), len(self.y)} | ({len(self.spread)} if self.spread is not None else set())
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(f"series {self.name!r}: expected as many x, y and spreads, found {sorted(lengths)}")
        return self


class Mark(Document):
    """A place on the x axis with a name, such as the chosen λ."""

    x: FiniteFloat
    name: Text


class Curves(Document):
    """Lines over one axis.

    Attributes:
        title: What stands above the figure.
        x: The axis below.
        y: The axis at the side.
        series: The lines.
        marks: Places on the x axis.
        spread: What the spreads are; needed as soon as a line has them.
    """

    title: Text
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    spread: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse lines with one name, spreads that nobody explains, and what a logarithm cannot show.

        Raises:
            ValueError: If there is one.
        """
        names = [line.name for line in self.series]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"curves {self.title!r}: expected lines with names of their own, found {names}")
        if any(line.spread for line in self.series) and not self.spread:
            raise ValueError(f"curves {self.title!r}: has spreads; say in its field spread what they are")
        below = [x for line in self.series for x in line.x] + [mark.x for mark in self.marks]
        beside = [y for line in self.series for y in line.y]
        if (self.x.is_log and min(below) <= 0) or (self.y.is_log and min(beside) <= 0):
            raise ValueError(f"curves {self.title!r}: a logarithmic axis needs numbers above 0")
        return self


class Matrix(Document):
    """Numbers with names on both sides.

    Attributes:
        title: What stands above the figure.
        rows: Names of the R rows.
        columns: Names of the C columns.
        row_name: What the rows are, such as "evaluated on".
        column_name: What the columns are.
        values: Numbers, ``(R, C)``; null where nothing is known.
        unit: Of the numbers.
        is_signed: Whether colours are symmetric about 0.
        spreads: How far each may be off, ``(R, C)``.
        spread: What the spreads are; needed where there are some.
    """

    title: Text
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_name: Text
    column_name: Text
    values: tuple[tuple[FiniteFloat | None, ...], ...]
    unit: Unit = "number"
    is_signed: bool = False
    spreads: tuple[tuple[Spread | None, ...], ...] | None = None
    spread: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse numbers without names, and spreads that nobody explains.

        Raises:
            ValueError: If there are any.
        """
        for numbers in (self.values, self.spreads if self.spreads is not None else self.values):
            shape = {len(row) for row in numbers}
            if len(numbers) != len(self.rows) or shape != {len(self.columns)} or not self.columns:
                expected = f"{len(self.rows)} × {len(self.columns)}"
                raise ValueError(f"matrix {self.title!r}: expected {expected} numbers, as it has names")
        if self.spreads is not None and not self.spread:
            raise ValueError(f"matrix {self.title!r}: has spreads; say in its field spread what they are")
        return self
