"""``taskvec decompose``: what task vectors share, and what is each one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import NamesArgument, PlotOption, Running, StoreArgument
from taskvec.cli.screen import Run
from taskvec.cli.sharing_options import Sharing, groups_option

if TYPE_CHECKING:
    from taskvec.components.decomposition import Decomposition

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class Wanted(Sharing):
    """The split that is asked for: a field for each option."""

    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="GROUP=A,B,...",
            help="Some of the tasks, which may share more among themselves. May be repeated.",
        ),
    ] = None
    control: Annotated[
        str | None,
        typer.Option(
            "--control",
            metavar="random|sum",
            help="For comparison: other directions in place of the shared ones, random or those of the sum.",
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """Return the same as ``decompose`` takes it."""
        groups = groups_option(self.group or ())
        return {**super().keywords(), "groups": groups, "control": self.control}


@command(app, "decompose")
def decompose_vectors(
    store: StoreArgument, how: Running, wanted: Wanted, names: NamesArgument = None, plot: PlotOption = None
) -> None:
    """Split task vectors into what they share and what is each one's own.

    Adds NAME.shared and NAME.unique to what expressions and other commands know, and takes the place of an earlier
    split of the same names. Nothing is stored but thin factors; base + 0.4*shared_once(a, b) counts what a and b share
    once.

    With --json: groups (for each matrix: name, shape, ranks, shared_rank, threshold, largest, angles, shared_energy,
    left_out; with --group, within), tasks (by name: norm, shared_norm, unique_norm, shared_energy), shared_dimensions,
    bytes, notes.
    """
    from taskvec.cli.decompose_text import decomposition_text
    from taskvec.components.decompose import decompose, decomposing
    from taskvec.components.decomposition import Decomposition
    from taskvec.reports import check_figure
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    request = {**wanted.keywords(), "tasks": names or None}
    if plot is not None:
        check_figure(plot)

    def work() -> Decomposition:
        found = decompose(opened, **request)
        if plot is not None:
            _draw(found, plot)
        return found

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(decomposing(opened, **request), run.options),
            work=work,
            data=Decomposition.to_json,
            text=decomposition_text,
            notes=lambda found: found.notes,
        )


def _draw(found: Decomposition, plot: Path) -> None:
    from taskvec.reports import shared_chart, write_figure

    layers, shares = found.shared_energy_by_layer()
    write_figure(plot, shared_chart(layers, found.tasks, shares, "Share of each task vector's energy that is shared"))
