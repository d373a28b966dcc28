"""``taskvec basis``: look after bases as collections of tasks, and carry them to other machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.help import HelpOption
from taskvec.cli.options import Reporting, Running, StoreArgument
from taskvec.cli.screen import Run, show

if TYPE_CHECKING:
    from taskvec.bases.basis import Basis

BasisArgument = Annotated[
    str, typer.Argument(metavar="BASIS", help="The name of a basis in the store.", show_default=False)
]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="The name of a task.", show_default=False)]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def basis_group(help: HelpOption = False) -> None:
    """Look after bases: add and remove tasks, carry them to other machines."""


@command(app, "show")
def show_basis(store: StoreArgument, basis: BasisArgument, how: Reporting) -> None:
    """Show what a basis holds and what it loses.

    With --json: what compress prints.
    """
    from taskvec.bases.basis import Basis
    from taskvec.cli.certificate_text import basis_text
    from taskvec.store.store import Store

    loaded = Basis.load(Store(store), basis)
    show(how, loaded.to_json(), lambda: [*basis_text(loaded), *(f"note: {note}" for note in loaded.notes)])


@command(app, "add")
def add(
    store: StoreArgument,
    basis: BasisArgument,
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK", help="Names of task vectors in the store.", show_default=False)
    ],
    how: Running,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Make the basis anew with them, instead of projecting them on its atoms."),
    ] = False,
    refit_past: Annotated[
        float | None,
        typer.Option(
            "--refit-past", metavar="E", help="Advise to refit past this error; the worst task's if not given."
        ),
    ] = None,
) -> None:
    """Add task vectors of the store to a basis.

    By projection, atoms and all other tasks stay as they are. Base, atoms and new vectors are read once, however many
    are added together, and the error of each is exact. Errors of sums over tasks whose inner product the store does not
    know are unknown; taskvec similarity takes what is missing.

    With --json: what compress prints, and advice (or null).
    """
    from taskvec.bases.basis import Basis
    from taskvec.bases.collection import add_tasks, joining, refit_advice, refitting
    from taskvec.bases.collection import refit as make_anew
    from taskvec.cli.certificate_text import basis_text
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    _check_refit(refit_past, refit=refit)
    with Run(how) as run:
        old = Basis.load(Store(store, run.options), basis)
        grown = (*old.tasks, *tasks)

        def advice(made: Basis) -> str | None:
            return None if refit else refit_advice(old, made, refit_past)

        def data(made: Basis) -> dict[str, Any]:
            return {**made.to_json(), "advice": advice(made)}

        run.carry_out(
            plan=lambda: plan_steps(refitting(old, grown) if refit else joining(old, tasks), run.options),
            work=lambda: make_anew(old, grown) if refit else add_tasks(old, tasks),
            data=data,
            text=basis_text,
            notes=lambda made: [note for note in (advice(made), *made.notes) if note],
        )


@command(app, "remove")
def remove(store: StoreArgument, basis: BasisArgument, task: TaskArgument, how: Reporting) -> None:
    """Take a task out of a basis; the atoms stay as they are.

    With --json: what compress prints.
    """
    from taskvec.bases.basis import Basis
    from taskvec.bases.collection import remove_task
    from taskvec.cli.certificate_text import basis_text
    from taskvec.store.store import Store

    smaller = remove_task(Basis.load(Store(store), basis), task)
    show(how, smaller.to_json(), lambda: basis_text(smaller))


@command(app, "export")
def export(
    store: StoreArgument,
    basis: BasisArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The folder to make.", show_default=False)],
    how: Running,
) -> None:
    """Write a basis to a folder that stands alone: atoms, basis.json and a README card.

    Another machine needs the base model and this folder, and no fine-tunes.

    With --json: out, files.
    """
    from taskvec.bases.basis import Basis
    from taskvec.bases.sharing import export_basis, exporting
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(exporting(Basis.load(opened, basis), out), run.options),
            work=lambda: export_basis(Basis.load(opened, basis), out),
            data=lambda made: {"out": str(made), "files": sorted(path.name for path in made.iterdir())},
            text=lambda made: [f"wrote {made}"],
        )


@command(app, "import")
def import_(
    store: StoreArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What export wrote.", show_default=False)],
    how: Running,
    basis: Annotated[
        str | None, typer.Option("--basis", metavar="NAME", help="Its name in the store; its own if not given.")
    ] = None,
) -> None:
    """Take an exported basis into a store of the same base model.

    A folder that the authors of Task Vector Bases released (basis_vectors.pt) is taken too; its errors are known where
    the store holds task vectors of the names of its data sets.

    With --json: what compress prints.
    """
    from taskvec.bases.basis import Basis
    from taskvec.bases.official.files import ATOMS
    from taskvec.bases.official.importing import import_official, importing_official
    from taskvec.bases.sharing import import_basis, importing
    from taskvec.cli.certificate_text import basis_text
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    is_official = (folder / ATOMS).is_file()

    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(
                (importing_official if is_official else importing)(opened, folder, basis), run.options
            ),
            work=lambda: (import_official if is_official else import_basis)(opened, folder, basis),
            data=Basis.to_json,
            text=basis_text,
            notes=lambda made: made.notes,
        )


def _check_refit(refit_past: float | None, *, refit: bool) -> None:
    """Refuse to advise what is done anyway.

    Raises:
        typer.BadParameter: If both are asked for.
    """
    if refit and refit_past is not None:
        raise typer.BadParameter("--refit-past says when to advise refitting, and --refit refits: give one of them")
