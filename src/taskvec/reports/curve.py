"""The error of a basis against its number of atoms, with the number that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taskvec.reports.figures import BLUE, GREY, INK, VERMILLION, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def error_curve(
    num_atoms: Sequence[int],
    relative_error: Sequence[float],
    path: Path,
    *,
    optimal: Sequence[float] | None = None,
    worst_task: Sequence[float] | None = None,
    chosen: int | None = None,
    chosen_error: float | None = None,
    label: str = "all tasks",
    title: str = "What a basis loses",
) -> None:
    """Draw the relative error against the number of atoms M; the error's axis begins at 0.

    Args:
        num_atoms: Numbers of atoms, rising.
        relative_error: ‖V̂ − V‖_F / ‖V‖_F for each of them.
        path: A ``.png``, ``.svg`` or ``.pdf`` file; replaced when it exists.
        optimal: The least error that any basis of that size has.
        worst_task: The largest error of a single task.
        chosen: The number of atoms to mark; one of ``num_atoms``.
        chosen_error: The error to mark there, where it is not the line's own.
        label: What the line of ``relative_error`` is.
        title: What stands above the figure.

    Raises:
        ValueError: If there is no point, the lengths differ, or ``chosen`` is not among the numbers of atoms.
    """
    lengths = {len(line) for line in (num_atoms, relative_error, optimal, worst_task) if line is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"expected one error for each number of atoms, found lengths {sorted(lengths)}")
    if chosen is not None and chosen not in num_atoms:
        raise ValueError(f"expected a chosen number of atoms among {list(num_atoms)}, found {chosen}")

    def draw(axes: Axes) -> None:
        if worst_task is not None:
            axes.plot(num_atoms, worst_task, "s:", color=VERMILLION, markersize=3.5, label="worst task", clip_on=False)
        axes.plot(num_atoms, relative_error, "o-", color=BLUE, markersize=4, label=label, clip_on=False)
        if optimal is not None:
            axes.plot(num_atoms, optimal, "--", color=INK, linewidth=1.0, label="least possible", clip_on=False)
        if chosen is not None:
            _mark(axes, chosen, relative_error[num_atoms.index(chosen)] if chosen_error is None else chosen_error)
        _frame(axes, title)
        axes.set_xlim(min(num_atoms) - 0.5, max(num_atoms) + 0.5)

    write_figure(path, 4.8, 3.2, draw)


def _mark(axes: Axes, chosen: int, error: float) -> None:
    axes.vlines(chosen, 0.0, error, color=GREY, linewidth=1.0, linestyle=":")
    label = f"chosen: {error:.3g} with M = {chosen}"
    (ring,) = axes.plot([chosen], [error], "o", color=BLUE, markersize=9, label=label, clip_on=False)
    ring.set_fillstyle("none")
    ring.set_markeredgewidth(1.6)


def _frame(axes: Axes, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title)
    axes.set_xlabel("number of atoms M")
    axes.set_ylabel("relative error")
    axes.set_ylim(0.0, max(axes.get_ylim()[1], 1e-3))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.8)
    if len(axes.lines) > 1:
        axes.legend(loc="best")
