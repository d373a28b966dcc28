"""Tables of a result: columns with units, and cells that may carry their spread."""

from __future__ import annotations

from typing import Self

from pydantic import FiniteFloat, model_validator

from taskvec.results.documents import Document, Measured, Text, Unit

Cell = Measured | FiniteFloat | int | str | None
"""A number, with its spread where there is one; words in a text column; null where nothing is known."""


class Column(Document):
    """A column of a table.

    Attributes:
        name: Its heading.
        unit: Of all its cells.
        meaning: What the heading stands for, where a reader may wonder.
    """

    name: Text
    unit: Unit = "text"
    meaning: str = ""


class Table(Document):
    """Rows of measurements.

    Attributes:
        title: What stands above it.
        columns: The C columns; the first names the rows.
        rows: Cells, ``(R, C)``.
        spread: What the spreads are, such as "standard deviation over seeds"; needed as soon as a cell has one.
        is_drawn: Whether a page also draws it: a group for each row, a mark for each column of numbers.
    """

    title: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    spread: str = ""
    is_drawn: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse cells that do not belong to their columns, and spreads that nobody explains.

        Raises:
            ValueError: If there is one.
        """
        names = [column.name for column in self.columns]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"table {self.title!r}: expected columns with names of their own, found {names}")
        for number, row in enumerate(self.rows):
            if len(row) != len(names):
                raise ValueError(f"table {self.title!r}, row {number}: expected {len(names)} cells, found {len(row)}")
            for column, cell in zip(self.columns, row, strict=True):
                self._check_cell(column, cell, number)
        if self.is_drawn and not self.numbers:
            raise ValueError(f"table {self.title!r}: is_drawn needs a column of numbers")
        return self

    def _check_cell(self, column: Column, cell: Cell, number: int) -> None:
        if cell is not None and isinstance(cell, str) != (column.unit == "text"):
            wanted = "words" if column.unit == "text" else "a number"
            raise ValueError(
                f"table {self.title!r}, row {number}, column {column.name!r}: expected {wanted}, found {cell!r}"
            )
        if isinstance(cell, Measured) and cell.spread is not None and not self.spread:
            raise ValueError(f"table {self.title!r}: has spreads; say in its field spread what they are")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Indices of the columns that hold numbers."""
        return tuple(index for index, column in enumerate(self.columns) if column.unit != "text")
