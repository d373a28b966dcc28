"""An attribution as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from taskvec.cli.printable import printable
from taskvec.cli.tables import table
from taskvec.components.attributing import Attribution


def attribution_text(found: Attribution) -> Iterator[str | Table]:
    """Say where an unknown task vector lies.

    Args:
        found: The shares.

    Yields:
        A table of tasks, those with most beyond chance first, and a sentence.
    """
    names = sorted(found.unique, key=lambda name: found.chance[name] - found.unique[name])
    yield table(("task", "in its unique space", "by chance"), ((name, *_shares(found, name)) for name in names))
    whose = f"nearest to {found.nearest}" if found.nearest else "nobody's: no task has more of it than chance gives"
    yield f"{printable(found.ref)}: {100 * found.shared:.1f} % in what the tasks share; {whose}"


def _shares(found: Attribution, name: str) -> tuple[str, str]:
    return f"{100 * found.unique[name]:.1f} %", f"{100 * found.chance[name]:.1f} %"
