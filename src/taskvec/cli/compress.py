"""``taskvec compress``: many task vectors in few atoms, with the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.options import (
    PlotOption,
    Running,
    StoreArgument,
    dtype_option,
    names_option,
    settings_option,
)
from taskvec.cli.screen import Run
from taskvec.registry import OneFileEach

if TYPE_CHECKING:
    from taskvec.bases.basis import Basis
    from taskvec.reports import Chart

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The basis that is asked for: a field for each option."""

    basis: Annotated[
        str, typer.Option("--basis", metavar="NAME", help="The name of the new basis.", show_default=False)
    ]
    atoms: Annotated[int | None, typer.Option("--atoms", metavar="M", min=1, help="The number of atoms.")] = None
    max_error: Annotated[
        float | None,
        typer.Option("--max-error", metavar="E", help="Take the fewest atoms whose relative error is at most E."),
    ] = None
    worst_task: Annotated[
        bool, typer.Option("--worst-task", help="Let --max-error hold for every single task, not for all together.")
    ] = False
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="METHOD",
            help=f"How the atoms are chosen: {', '.join(OneFileEach('taskvec.linalg.encoders.ways'))}.",
        ),
    ] = "spectral"
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="An option of the method, as taskvec methods lists them. May be repeated.",
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", help="The key of a method that draws at random; others say that it changes nothing."
        ),
    ] = None
    tasks: Annotated[
        str | None, typer.Option("--tasks", metavar="A,B,...", help="The task vectors to compress; all if not given.")
    ] = None
    fit_on: Annotated[
        str | None,
        typer.Option(
            "--fit-on",
            metavar="A,B,...|K",
            help="Make the atoms from these task vectors, or from K of all, spread evenly, and project the others on "
            "them: for hundreds of vectors, in time that grows as their number. --max-error speaks of these alone.",
        ),
    ] = None
    normalize: Annotated[
        bool,
        typer.Option("--normalize", help="Take all vectors with norm 1, so that large ones do not own the atoms."),
    ] = False
    group: Annotated[
        str, typer.Option("--group", metavar="model|layer|tensor", help="What has a basis of its own.")
    ] = "model"
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="bf16|f16|f32|int8",
            help="The dtype of atoms, int8 with a scale for each row; as in the base if not given, f32 for factors. "
            "Random atoms are not stored and say that it changes nothing.",
        ),
    ] = None
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank",
            metavar="R",
            min=1,
            help="Of adapters: keep so many directions of each matrix in every atom; all that are there if not given.",
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """Return the same as ``compress`` takes it.

        Raises:
            typer.BadParameter: If a size is not said, or said twice, or an error is meant that is not given.
        """
        from taskvec.types import DType

        if (self.atoms is None) == (self.max_error is None):
            raise typer.BadParameter("give either --atoms M or --max-error E")
        if self.worst_task and self.max_error is None:
            raise typer.BadParameter("--worst-task says what --max-error E limits: give it too")
        return {
            "num_atoms": self.atoms,
            "max_error": self.max_error,
            "worst_task": self.worst_task,
            "method": self.method,
            "options": settings_option(self.options or ()),
            "seed": self.seed,
            "tasks": names_option(self.tasks),
            "fit_on": _count_or_names(self.fit_on),
            "normalize": self.normalize,
            "group": self.group,
            "dtype": DType.I8 if self.dtype == "int8" else dtype_option(self.dtype, ", or int8"),
            "rank": self.rank,
        }


@command(app, "compress")
def compress_vectors(store: StoreArgument, how: Running, wanted: Wanted, plot: PlotOption = None) -> None:
    """Compress task vectors to a few atoms, with the exact error.

    relative_error is ‖V̂ − V‖ / ‖V‖ over all task vectors as recovered from the atoms, sum_error the same for their sum,
    and optimal_error the least that any M atoms can have. The atoms' rounding is counted.

    Where all task vectors are LoRA adapters, or shared components, atoms keep factors: of all their directions, or of
    --rank R in every matrix.

    With --max-error, atoms are as few as will do; with --group, each group gets its own number, at the fewest bytes.

    With --fit-on, inner products are taken of the vectors that atoms are made from, and of the atoms with the others.
    The error of every task is exact; that of sums over others is unknown until taskvec similarity took their products.

    With --plot FILE, FILE shows the least error for every number of atoms and marks that of the basis, and
    FILE-coefficients beside it shows the coefficients of every task; with --group, FILE-groups shows the error of every
    group and task.

    With --json: basis, method, num_atoms, num_stored (with the mean that pca stores), relative_error, task_errors (by
    name), sum_error, optimal_error, bytes, original_bytes, notes; with --group, groups (by name: num_stored,
    relative_error, task_errors).
    """
    from taskvec.bases.basis import Basis
    from taskvec.bases.compress import compress, compressing
    from taskvec.cli.certificate_text import basis_text
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    keywords = wanted.keywords()
    if plot is not None:
        from taskvec.reports import check_figure

        check_figure(plot)

    def work() -> Basis:
        made = compress(opened, wanted.basis, **keywords)
        if plot is not None:
            _draw(made, _fitted(made, keywords["fit_on"]), plot)
        return made

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(compressing(opened, wanted.basis, **keywords), run.options),
            work=work,
            data=Basis.to_json,
            text=basis_text,
            notes=lambda made: made.notes,
        )


def _count_or_names(text: str | None) -> int | list[str] | None:
    return int(text) if text is not None and text.isdecimal() else names_option(text, "--fit-on")


def _fitted(basis: Basis, fit_on: int | list[str] | None) -> Sequence[str]:
    """Return the tasks that atoms were made from, which come first in a basis."""
    count = len(set(fit_on)) if isinstance(fit_on, list) else fit_on
    return basis.tasks[:count]


def _draw(basis: Basis, fitted: Sequence[str], plot: Path) -> None:
    from taskvec.bases.compress import error_curve
    from taskvec.reports import coefficients_chart, error_chart, write_figure

    curve = error_curve(basis.store, fitted)
    chart = error_chart(
        curve.num_atoms,
        curve.relative_error,
        worst_task=curve.worst_task_error,
        chosen=basis.num_stored,
        chosen_error=basis.certificate.of(fitted).relative_error,
        label=f"{'all' if len(fitted) == len(basis.tasks) else f'the {len(fitted)} fitted'} tasks, least possible",
    )
    write_figure(plot, chart)
    if len(basis.groups) == 1:
        chart = coefficients_chart(basis.tasks, basis.decoder)
        write_figure(plot.with_stem(f"{plot.stem}-coefficients"), chart)
    else:
        write_figure(plot.with_stem(f"{plot.stem}-groups"), _group_errors(basis))


def _group_errors(basis: Basis) -> Chart:
    import numpy as np

    from taskvec.reports import group_errors_chart

    errors = np.array([list(group.task_errors.values()) for group in basis.groups])
    return group_errors_chart([group.name for group in basis.groups], basis.tasks, errors)
