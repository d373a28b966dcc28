"""What a result of this experiment says of each merge method that it measured, for the pages about methods."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from experiments.errors import ExperimentError
from taskvec.methods import METHODS
from taskvec.results import Cell, Result, Table

BASE, OWN = "base", "single fine-tunes, each on its own task"
ACCURACY, GAIN, SCALING = "accuracy", "points over task arithmetic", "λ"

_LINE = re.compile(r"(?P<name>.+): base \+ λ\*\((?P<function>\w+)\((?P<given>[^()]*)\)\)( +#.*)?")
_PLAIN_SUM = "sum"
_PART = re.compile(r"[a-z_]+\.(shared|unique)")
_SEED = "seed="


@dataclass(frozen=True)
class Found:
    """One merge of all tasks by a method.

    Attributes:
        method: The method's name.
        options: The options that it was given, such as ``density=0.2``.
        accuracy: Mean over tasks, on test pictures.
        gain: Points over task arithmetic; None for that itself.
        scaling: λ, chosen on validation pictures.
    """

    method: str
    options: tuple[str, ...]
    accuracy: Cell
    gain: Cell
    scaling: Cell


def merges_table(result: Result) -> Table:
    """The table of one model for all tasks.

    Args:
        result: Of this experiment.

    Returns:
        The table: a row a merge, and rows of the base and of the single fine-tunes.

    Raises:
        ExperimentError: If there is none.
    """
    wanted = {ACCURACY, GAIN, SCALING}
    found = next((table for table in result.tables if wanted <= {column.name for column in table.columns}), None)
    if found is None:
        raise ExperimentError(f"result {result.name}: no table has the columns {', '.join(sorted(wanted))}")
    return found


def by_method(result: Result) -> Mapping[str, Found]:
    """Read the merges off a result: its recipe says which row is of which method.

    Args:
        result: Of this experiment.

    Returns:
        Name of the method → what was found.

    Raises:
        ExperimentError: If the recipe calls no method on all tasks.
    """
    rows = rows_of(merges_table(result))
    found = {
        method: Found(method, options, *(rows[name][column] for column in (ACCURACY, GAIN, SCALING)))
        for name, method, options in _called(result.recipe)
        if name in rows
    }
    if not found:
        raise ExperimentError(
            f"result {result.name}: no line of its recipe is one call, as in NAME: base + λ*(ties(…))"
        )
    return found


def rows_of(table: Table) -> Mapping[str, Mapping[str, Cell]]:
    """What stands in each row, by its first cell and the names of the columns."""
    names = [column.name for column in table.columns]
    return {str(row[0]): dict(zip(names, row, strict=True)) for row in table.rows}


def _called(recipe: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the rows that one call on whole vectors made: their names, the method, its options but for the seed."""
    for line in recipe.splitlines():
        said = _LINE.fullmatch(line)
        if said is not None and not _PART.search(said["given"]):
            method = "task_arithmetic" if said["function"] == _PLAIN_SUM else said["function"]
            options = (one for one in said["given"].split(", ") if "=" in one and not one.startswith(_SEED))
            if method in METHODS:
                yield said["name"], method, tuple(options)
