"""``taskvec store``: make a store, and look after what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskvec.cli.command import command
from taskvec.cli.help import HelpOption
from taskvec.cli.options import (
    AllowOption,
    BaseOption,
    NameArgument,
    NamedRefsArgument,
    PageOption,
    RenameOption,
    Reporting,
    Running,
    StoreArgument,
    named_refs,
    names_option,
    rules_option,
)
from taskvec.cli.screen import Run, show
from taskvec.errors import StoreError

if TYPE_CHECKING:
    from taskvec.store.document import SourceDocument
    from taskvec.store.kinds.vectors import VectorDocument
    from taskvec.store.store import Store

app = typer.Typer(no_args_is_help=True)


@app.callback()
def store_group(help: HelpOption = False) -> None:
    """Make a store of task vectors, and look after it."""


@command(app, "init")
def init(store: StoreArgument, base: BaseOption, how: Running) -> None:
    """Make an empty store for fine-tunes of one base model.

    The base is read once, to know it again; no weights are copied.

    With --json: store, base.
    """
    from taskvec.cli.store_text import init_text
    from taskvec.store.founding import founding
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    with Run(how) as run:
        run.carry_out(
            plan=lambda: plan_steps(founding(store, base, run.options), run.options),
            work=lambda: Store.init(store, base, run.options),
            data=lambda made: {"store": str(made.path), "base": _base_row(made)},
            text=init_text,
        )


@command(app, "add")
def add(
    store: StoreArgument,
    vectors: NamedRefsArgument,
    how: Running,
    copy: Annotated[
        bool, typer.Option("--copy", help="Keep a copy of the weights in the store instead of a link.")
    ] = False,
    allow: AllowOption = None,
    rename: RenameOption = None,
) -> None:
    """Add fine-tuned models under names.

    They are linked, not copied, and known again by content. Each is read once. A LoRA adapter is one
    too: its factors are kept.

    With --json: vectors, one for each added, as in store list.
    """
    from taskvec.cli.store_text import vectors_table
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    refs, rules = named_refs(vectors), rules_option(allow)
    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(opened.adding(refs, allow=rules, renames=rename or ()), run.options),
            work=lambda: [
                _row(opened, document) for document in opened.add(refs, copy=copy, allow=rules, renames=rename or ())
            ],
            data=lambda rows: {"vectors": rows},
            text=lambda rows: [f"added to {opened.path}:", vectors_table(rows)],
        )


@command(app, "list")
def list_vectors(store: StoreArgument, how: Reporting) -> None:
    """List the task vectors and bases of a store.

    With --json: base, vectors (name, norm, num_params, form, bytes, source), bases (name, method, num_atoms, tasks,
    relative_error, bytes).
    """
    from taskvec.bases.basis import list_bases
    from taskvec.cli.store_text import list_text
    from taskvec.store.store import Store

    opened = Store(store)
    rows = [_row(opened, opened.documents.vector(name)) for name in opened.names]
    listing = {"base": _base_row(opened), "vectors": rows, "bases": list_bases(opened)}
    show(how, listing, lambda: list_text(opened.path, listing))


@command(app, "show")
def show_vector(store: StoreArgument, name: NameArgument, how: Reporting) -> None:
    """Show all that a store knows of one task vector.

    With --json: what store list says of it, and ref, fingerprint, num_tensors, files, rules.
    """
    from taskvec.cli.store_text import vector_text
    from taskvec.store.store import Store

    opened = Store(store)
    document = opened.documents.vector(name)
    detail = {
        **_row(opened, document),
        "ref": document.source.ref,
        "fingerprint": document.source.fingerprint,
        "num_tensors": len(document.source.digests),
        "files": [str(opened.path / state.path) for state in document.source.files],
        "rules": [rule.model_dump(mode="json") for rule in document.rules],
    }
    show(how, detail, lambda: vector_text(detail))


@command(app, "verify")
def verify(store: StoreArgument, how: Running) -> None:
    """Hash everything again, and say what has changed.

    Everything is the base, all task vectors and the atoms of all bases. The exit status is 1 if there is a problem.

    With --json: ok, problems.
    """
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    with Run(how) as run:
        opened = Store(store, run.options)
        problems = run.carry_out(
            plan=lambda: plan_steps(opened.verifying(), run.options),
            work=opened.verify,
            data=lambda found: {"ok": not found, "problems": found},
            text=lambda found: found or [f"{opened.path}: all is as it was added ({len(opened)} task vectors)"],
        )
    _refuse(problems or [])


@command(app, "remove")
def remove(store: StoreArgument, name: NameArgument, how: Reporting) -> None:
    """Forget a task vector, or a basis.

    The model that it links to is not touched, and bases that hold the task vector stay readable. A name that a task
    vector and a basis share means the task vector. What a basis leaves behind is removed by store gc.

    With --json: removed, bases (that hold the task vector).
    """
    from taskvec.store.kinds.vectors import VECTORS
    from taskvec.store.store import Store

    opened = Store(store)
    kind = opened.documents.kind_of(name)
    bases: tuple[str, ...] = ()
    if kind is VECTORS:
        bases = opened.remove(name)
    else:
        opened.documents.of(kind).remove(name)
    stay = [f"{', '.join(bases)} still can recover it from atoms"] if bases else []
    show(how, {"removed": name, "bases": list(bases)}, lambda: [f"removed {name} from {store}", *stay])


@command(app, "rename")
def rename(
    store: StoreArgument,
    name: NameArgument,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.", show_default=False)],
    how: Reporting,
) -> None:
    """Give a task vector, or a basis, another name.

    Bases that hold the task vector have it under the new name too.

    With --json: renamed, to, bases (in which a task was renamed).
    """
    from taskvec.store.kinds.vectors import VECTORS
    from taskvec.store.store import Store

    opened = Store(store)
    kind = opened.documents.kind_of(name)
    bases: tuple[str, ...] = ()
    if kind is VECTORS:
        bases = opened.documents.rename_vector(name, new)
    else:
        opened.documents.of(kind).rename(name, new)
    there = f", in {', '.join(bases)} too" if bases else ""
    show(how, {"renamed": name, "to": new, "bases": list(bases)}, lambda: [f"{name} is now {new}{there}"])


@command(app, "gc")
def collect(store: StoreArgument, how: Reporting) -> None:
    """Remove what no task vector and no basis refers to, and what killed commands left.

    These are atoms of bases that were removed or replaced, copies of models that were removed, and their products; and
    unfinished work that no process is at any more: run a killed command again first if it is to go on.

    With --json: removed (paths in the store), bytes.
    """
    from taskvec.store.garbage import collect_garbage
    from taskvec.store.store import Store
    from taskvec.streaming.memory import format_size

    garbage = collect_garbage(Store(store).documents)
    text = f"removed {len(garbage.paths)} of no use, {format_size(garbage.num_bytes)}"
    show(how, garbage.to_json(), lambda: [text])


@command(app, "report")
def report(
    store: StoreArgument,
    out: PageOption,
    how: Running,
    tasks: Annotated[
        str | None, typer.Option("--tasks", metavar="NAME,…", help="The task vectors to report; all if not given.")
    ] = None,
) -> None:
    """Make a page of a store: what is in it, what is alike, what bases cost, and a panel that computes.

    The page is one HTML file that asks no network for anything. What the store knows already costs no reading.

    With --json: out, tasks, bytes.
    """
    from taskvec.reports import check_page, store_page, write_page
    from taskvec.store.store import Store
    from taskvec.streaming import plan_steps

    check_page(out)
    names = names_option(tasks)
    with Run(how) as run:
        opened = Store(store, run.options)
        run.carry_out(
            plan=lambda: plan_steps(opened.gramming(names), run.options),
            work=lambda: write_page(out, store_page(opened, names)),
            data=lambda size: {"out": str(out), "tasks": list(names or opened.names), "bytes": size},
            text=lambda _: [f"{len(names or opened.names)} task vectors of {opened.path}, written to {out}"],
        )


def _refuse(problems: Sequence[str]) -> None:
    """Make the exit status tell that a store is not what it was.

    Raises:
        StoreError: If there is a problem; the others are on stdout.
    """
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise StoreError(f"{problems[0]}{more}")


def _base_row(store: Store) -> dict[str, Any]:
    source = store.documents.store().base
    row = {"ref": source.ref, "path": _path(store, source), "fingerprint": source.fingerprint}
    return {**row, "num_params": source.num_params, "bytes": source.nbytes}


def _row(store: Store, document: VectorDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "norm": document.norm,
        "num_params": document.source.num_params,
        "form": document.form,
        "bytes": document.source.nbytes,
        "source": _path(store, document.source),
    }


def _path(store: Store, source: SourceDocument) -> str:
    return str(store.path / source.path)
