"""``taskvec decompose``: what task vectors share, and what is each one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import NamesArgument, PlotOption, Running, StoreArgument, names_option
from taskvec.cli.screen import Run

if TYPE_CHECKING:
    from taskvec.linalg.decomposition.decomposition import Decomposition

app = typer.Typer()

_EDGE = "edge"


@command(app, "decompose")
def decompose_vectors(
    store: StoreArgument,
    how: Running,
    names: NamesArgument = None,
    rank: Annotated[
        int | None, typer.Option("--rank", metavar="R", help="Keep R singular directions of each matrix; or")
    ] = None,
    energy: Annotated[
        float | None, typer.Option("--energy", metavar="E", help="keep as many as hold this share of the energy.")
    ] = None,
    subspace: Annotated[
        str,
        typer.Option(
            "--subspace",
            metavar="mean|palindrome|chain",
            help="How sharing is found: by the mean projector, or by products in the order of the names (chain is the "
            "paper's).",
        ),
    ] = "mean",
    threshold: Annotated[
        str,
        typer.Option(
            "--threshold",
            metavar="edge|X",
            help="The least eigenvalue of a shared direction: just above what chance gives, or a number.",
        ),
    ] = _EDGE,
    side: Annotated[
        str,
        typer.Option("--side", metavar="left|right|both", help="The space of outputs (left), of inputs, or both."),
    ] = "left",
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="GROUP=A,B,...",
            help="Some of the tasks, which may share more among themselves. May be repeated.",
        ),
    ] = None,
    one_dimensional: Annotated[
        bool, typer.Option("--one-dimensional", help="Also split biases and scales; they are unique otherwise.")
    ] = False,
    control: Annotated[
        str | None,
        typer.Option(
            "--control",
            metavar="random|sum",
            help="For comparison: other directions in place of the shared ones, random or those of the sum.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The key of what is random.")] = 0,
    plot: PlotOption = None,
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
    from taskvec.linalg.decomposition.decompose import decompose, plan_decompose
    from taskvec.linalg.decomposition.decomposition import Decomposition
    from taskvec.reports import check_figure, shared_heatmap
    from taskvec.vectors.store import Store

    request: dict[str, Any] = {
        "tasks": names or None,
        "rank": rank,
        "energy": energy,
        "subspace": subspace,
        "threshold": _threshold(threshold),
        "side": side,
        "groups": _groups(group or ()),
        "one_dimensional": one_dimensional,
        "control": control,
        "seed": seed,
    }
    if plot is not None:
        check_figure(plot)

    def work() -> Decomposition:
        found = decompose(opened, **request)
        if plot is not None:
            layers, shares = found.shared_energy_by_layer()
            shared_heatmap(layers, found.tasks, shares, plot)
        return found

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_decompose(opened, **request),
            work=work,
            data=Decomposition.to_json,
            text=decomposition_text,
            notes=lambda found: found.notes,
        )


def _threshold(text: str) -> float | None:
    try:
        return None if text == _EDGE else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither edge nor a number", param_hint="--threshold") from None


def _groups(texts: Sequence[str]) -> dict[str, list[str]]:
    groups = {}
    for text in texts:
        name, _, members = text.partition("=")
        if not (name.isascii() and name.isidentifier()) or name in groups or not members:
            raise typer.BadParameter(f"{text!r} is not GROUP=A,B with a name of its own", param_hint="--group")
        groups[name] = names_option(members) or []
    return groups
