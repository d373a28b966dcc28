"""``taskvec similarity``: which task vectors are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskvec.cli.command import command
from taskvec.cli.options import NamesArgument, PlotOption, Running, StoreArgument
from taskvec.cli.screen import Run

if TYPE_CHECKING:
    from taskvec.store.similarity import Similarity

app = typer.Typer()


@command(app, "similarity")
def compare(
    store: StoreArgument,
    how: Running,
    names: NamesArgument = None,
    per_group: Annotated[bool, typer.Option("--per-group", help="Also compare tensor by tensor.")] = False,
    plot: PlotOption = None,
) -> None:
    """Compare task vectors: inner products, norms, cosines.

    What the store knows already costs no reading.

    With --json: names (T), gram (T × T), cosine (T × T), norms (T); with --per-group also groups, the same by tensor.
    """
    from taskvec.cli.similarity_text import similarity_text
    from taskvec.store.similarity import Similarity, comparing, similarity
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    if plot is not None:
        from taskvec.reports import check_figure

        check_figure(plot)

    def work() -> Similarity:
        result = similarity(opened, names or None, per_group=per_group)
        if plot is not None:
            _draw(result, plot)
        return result

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(comparing(opened, names or None), run.options),
            work=work,
            data=Similarity.to_json,
            text=similarity_text,
        )


def _draw(found: Similarity, plot: Path) -> None:
    from taskvec.reports import cosine_map, tree, write_figure

    write_figure(plot, cosine_map(found.names, found.cosine, tree(found.gram)))
