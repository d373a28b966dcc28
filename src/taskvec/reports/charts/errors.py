"""The error of a basis against its number of atoms, with the number that was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from taskvec.reports.charts.chart import Chart
from taskvec.reports.charts.lines import Ring, lines_chart
from taskvec.results import Axis, Curves, Series


def error_chart(
    num_atoms: Sequence[int],
    relative_error: Sequence[float],
    *,
    optimal: Sequence[float] | None = None,
    worst_task: Sequence[float] | None = None,
    chosen: int | None = None,
    chosen_error: float | None = None,
    label: str = "all tasks",
    title: str = "What a basis loses",
) -> Chart:
    """Draw the relative error against the number of atoms M; the error's axis begins at 0.

    Args:
        num_atoms: Numbers of atoms, rising.
        relative_error: ‖V̂ − V‖_F / ‖V‖_F for each of them.
        optimal: The least error that any basis of that size has.
        worst_task: The largest error of a single task.
        chosen: The number of atoms to mark; one of ``num_atoms``.
        chosen_error: The error to mark there, where it is not the line's own.
        label: What the line of ``relative_error`` is.
        title: What stands above the figure.

    Returns:
        The chart.

    Raises:
        ValueError: If there is no point, the lengths differ, or ``chosen`` is not among the numbers of atoms.
    """
    lines = {label: relative_error, "worst task": worst_task, "least possible": optimal}
    given = {name: errors for name, errors in lines.items() if errors is not None}
    lengths = {len(num_atoms), *map(len, given.values())}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"expected one error for each number of atoms, found lengths {sorted(lengths)}")
    if chosen is not None and chosen not in num_atoms:
        raise ValueError(f"expected a chosen number of atoms among {list(num_atoms)}, found {chosen}")
    atoms = tuple(map(float, num_atoms))
    curves = Curves(
        title=title,
        x=Axis(name="number of atoms M", unit="count"),
        y=Axis(name="relative error"),
        series=tuple(
            Series(name=name, x=atoms, y=tuple(map(float, errors)), is_control=errors is not relative_error)
            for name, errors in given.items()
        ),
    )
    if chosen is None:
        return lines_chart(curves, from_zero=True)
    error = float(relative_error[num_atoms.index(chosen)] if chosen_error is None else chosen_error)
    ring = Ring(chosen, error, f"chosen: {error:.3g} with M = {chosen}")
    return lines_chart(curves, from_zero=True, ring=ring)
