"""Tables as all commands print them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import JustifyMethod
from rich.table import Table


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: Collection[str] = ()) -> Table:
    """Make a table without lines; columns of words are aligned to the left, numbers to the right.

    Args:
        header: The names of the columns.
        rows: The cells.
        words: The columns that hold words; the first does in any case.

    Returns:
        The table.
    """
    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        justify: JustifyMethod = "left" if name == header[0] or name in words else "right"
        result.add_column(name, justify=justify, overflow="fold")
    for row in rows:
        result.add_row(*row)
    return result
