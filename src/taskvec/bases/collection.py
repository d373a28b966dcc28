"""A basis as a living collection: more tasks, one task less, or all fitted anew.

Tasks are added by projection on the atoms, which stay as they are (:mod:`taskvec.bases.projection`). Or all is
**refitted** as the basis was asked for, from the grown Gram matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from taskvec.bases.basis import Basis
from taskvec.bases.building import building
from taskvec.bases.projection import projecting
from taskvec.bases.request import Request, Wanted
from taskvec.errors import BasisError
from taskvec.store.kinds.bases import BASES, BasisDocument, GroupDocument
from taskvec.store.store import Store
from taskvec.streaming import Steps, run_steps
from taskvec.types import DType


def add_tasks(basis: Basis, tasks: Sequence[str]) -> Basis:
    """Add task vectors of the store to a basis by projection on its atoms; the basis in the store is replaced.

    Args:
        basis: The basis.
        tasks: The names of the vectors.

    Returns:
        The grown basis; the others' coefficients are the same.

    Raises:
        BasisError: If the basis has a task of such a name.
    """
    return _replaced(basis.store, run_steps(joining(basis, tasks), basis.store.options))


def joining(basis: Basis, tasks: Sequence[str]) -> Steps[BasisDocument]:
    """Take the steps of :func:`add_tasks`, which publishes what they return."""
    return projecting(basis, basis.atoms, tasks)


def remove_task(basis: Basis, task: str) -> Basis:
    """Take a task out of a basis; the atoms stay as they are; the basis in the store is replaced.

    Args:
        basis: The basis.
        task: The name of the task in the basis.

    Returns:
        The basis without it.

    Raises:
        BasisError: If the basis has no such task, or no other.
    """
    if task not in basis.tasks:
        raise BasisError(f"basis {basis.name!r} holds no task {task!r} (it holds: {', '.join(basis.tasks)})")
    if len(basis.tasks) == 1:
        raise BasisError(
            f"{task!r} is the last task of basis {basis.name!r}: remove the basis (taskvec store remove), or add "
            "another task first"
        )
    kept = [t for t, name in enumerate(basis.tasks) if name != task]
    document = basis.document
    smaller = document.model_copy(
        update={
            "tasks": tuple(document.tasks[t] for t in kept),
            "groups": tuple(_without(group, kept) for group in document.groups),
            "optimal_error": None,
            "gram": [[document.gram[i][j] for j in kept] for i in kept],
            "residual": [[document.residual[i][j] for j in kept] for i in kept],
            "nbytes": document.nbytes - 8 * sum(len(group.decoder) for group in document.groups),
        }
    )
    return _replaced(basis.store, smaller)


def refit(basis: Basis, tasks: tuple[str, ...], **changes: object) -> Basis:
    """Make a basis anew, as it was asked for, for other tasks; the basis in the store is replaced.

    Args:
        basis: The basis.
        tasks: The tasks, all of them in the store.
        **changes: Keywords of ``compress`` that are to differ.

    Returns:
        The new basis.
    """
    return _replaced(basis.store, run_steps(refitting(basis, tasks, **changes), basis.store.options))


def refitting(basis: Basis, tasks: tuple[str, ...], **changes: object) -> Steps[BasisDocument]:
    """Take the steps of :func:`refit`, which publishes what they return."""
    return building(_asked_again(basis, tasks, changes))


def _asked_again(basis: Basis, tasks: tuple[str, ...], changes: Mapping[str, object]) -> Request:
    wanted: Wanted = {**basis.document.wanted, **changes, "tasks": tasks}  # type: ignore[typeddict-item]
    if wanted.get("dtype") is not None:
        wanted["dtype"] = DType(str(wanted["dtype"]))
    return Request.of(basis.store, basis.name, **wanted)


def refit_advice(before: Basis, after: Basis, limit: float | None = None) -> str | None:
    """Say whether the atoms still do for tasks that were added by projection.

    Args:
        before: The basis without them.
        after: The basis with them as its last tasks.
        limit: The error past which to refit; the worst of the other tasks' if not given.

    Returns:
        A sentence, or None where all are recovered well enough.
    """
    errors = after.certificate.of(after.tasks[len(before.tasks) :])
    others = [known for known in before.certificate.task_errors.values() if np.isfinite(known)]
    stated = max(others, default=float("nan")) if limit is None else limit
    past = [task for task, error in errors.task_errors.items() if error > stated]
    if not past:
        return None
    worst = errors.worst_task
    too, them = ("", "it") if len(past) == 1 else (f", and so do {len(past) - 1} more of the new tasks", "them")
    return (
        f"{worst} keeps an error of {errors.task_errors[worst]:.3g}, more than {stated:.3g}{too}: the atoms were not "
        f"made for {them}; refit the basis with {them} (taskvec basis add STORE {after.name} {worst} --refit)"
    )


def _without(group: GroupDocument, kept: list[int]) -> GroupDocument:
    def columns(rows: list[list[float]]) -> list[list[float]]:
        return [[row[t] for t in kept] for row in rows]

    return group.model_copy(
        update={
            "encoder": None,
            "decoder": columns(group.decoder),
            "cross": [[row[t] for t in kept] for row in group.cross],
            "energy": [group.energy[t] for t in kept],
        }
    )


def _replaced(store: Store, document: BasisDocument) -> Basis:
    store.documents.of(BASES).replace(document)
    return Basis(store, document)
