"""A basis as a living collection: one more task, one task less, or all fitted anew.

A task is added by **projection** in one pass over the atoms and its own vector: its coefficients are H⁺c with
c = Ŝᵀτ, the atoms stay as they are, and so do all other tasks. Its error is exact; where the other task vectors are
still in the store, the inner products with them are taken too (one pass over all), so that the errors of expressions
stay exact as well. Or all is **refitted** as the basis was asked for, from the grown Gram matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import BasisError
from taskvec.linalg.basis import Basis
from taskvec.linalg.basis_group import BasisGroup, without_nan
from taskvec.linalg.certificate import best_decoder
from taskvec.linalg.compress import built_as_asked
from taskvec.linalg.measured import atom_products, measure_atoms
from taskvec.linalg.planning import plan_request
from taskvec.linalg.request import Request, Wanted
from taskvec.streaming import Plan, make_plan, plan_pass
from taskvec.types import DType
from taskvec.vectors.alignment import Rule
from taskvec.vectors.manifests import BasisDocument, GroupDocument, TaskDocument
from taskvec.vectors.store import Store

Matrix = NDArray[np.float64]


def add_task(basis: Basis, task: str) -> Basis:
    """Add a task vector of the store to a basis by projection on its atoms; the basis in the store is replaced.

    Args:
        basis: The basis.
        task: The name of the vector.

    Returns:
        The grown basis; the others' coefficients are the same.

    Raises:
        BasisError: If the basis has a task of that name.
    """
    store = basis.store
    if task in basis.tasks:
        raise BasisError(f"basis {basis.name!r} holds a task {task!r} already: rename the new one, or refit (--refit)")
    document = store.documents.vector(task)
    allow = frozenset(Rule(rule.rule) for rule in document.rules)
    products = measure_atoms(store.base.checkpoint, basis.atoms, [store.form(document)], allow, store.options)
    energy = dict(zip(store.gram([task]).tensors, store.gram([task]).per_tensor[:, 0, 0].tolist(), strict=True))
    new = TaskDocument(name=task, fingerprint=document.source.fingerprint, nbytes=document.source.nbytes)
    columns = [_Column.of(group, products.cross, energy) for group in basis.groups]
    gram = _grown_gram(basis, task)
    residual = _grown_residual(basis, columns, gram)
    groups = tuple(column.grown() for column in columns)
    grown = basis.document.model_copy(
        update={
            "tasks": (*basis.document.tasks, new),
            "groups": groups,
            "optimal_error": None,
            "gram": without_nan(gram),
            "residual": without_nan(residual),
            "nbytes": basis.document.nbytes + 8 * sum(len(group.decoder) for group in basis.groups),
        }
    )
    return _replaced(store, grown)


def plan_add_task(basis: Basis, task: str) -> Plan:
    """Return what adding would cost, without reading a weight.

    Args:
        basis: The basis.
        task: The name of the vector.

    Returns:
        The plan.
    """
    store = basis.store
    document = store.documents.vector(task)
    allow = frozenset(Rule(rule.rule) for rule in document.rules)
    job = atom_products(store.base.checkpoint, basis.atoms, [store.form(document)], allow).job(store.options)
    measuring = plan_pass(job.label, job.tensors, job.kernel, store.options)
    names = [name for name in store.documents.names_of_tasks(basis.document) if name is not None]
    return make_plan([measuring, *store.plan_gram([task, *names]).passes], store.options)


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
    built = built_as_asked(_asked_again(basis, tasks, changes))
    return _replaced(basis.store, built.document)


def plan_refit(basis: Basis, tasks: tuple[str, ...], **changes: object) -> Plan:
    """Return what refitting would cost, without reading a weight.

    Args:
        basis: The basis.
        tasks: The tasks.
        **changes: Keywords of ``compress`` that are to differ.

    Returns:
        The plan.
    """
    return plan_request(_asked_again(basis, tasks, changes))


def _asked_again(basis: Basis, tasks: tuple[str, ...], changes: Mapping[str, object]) -> Request:
    wanted: Wanted = {**basis.document.wanted, **changes, "tasks": tasks}  # type: ignore[typeddict-item]
    if wanted.get("dtype") is not None:
        wanted["dtype"] = DType(str(wanted["dtype"]))
    return Request.of(basis.store, basis.name, **wanted)


def refit_advice(before: Basis, after: Basis, limit: float | None = None) -> str | None:
    """Say whether the atoms still do for a task that was added by projection.

    Args:
        before: The basis without it.
        after: The basis with it as its last task.
        limit: The error past which to refit; the worst of the other tasks' if not given.

    Returns:
        A sentence, or None where the task is recovered well enough.
    """
    task = after.tasks[-1]
    error = after.certificate.task_errors[task]
    others = [known for known in before.certificate.task_errors.values() if np.isfinite(known)]
    stated = max(others, default=float("nan")) if limit is None else limit
    if not error > stated:
        return None
    return (
        f"{task} keeps an error of {error:.3g}, more than {stated:.3g}: the atoms were not made for it; "
        f"refit the basis with it (taskvec basis add STORE {after.name} {task} --refit)"
    )


class _Column:
    """One more task in one group."""

    def __init__(self, group: BasisGroup, cross: Matrix, energy: float) -> None:
        self.group = group
        self.cross = cross
        self.energy = energy
        self.weights = best_decoder(group.atom_gram, cross[:, None])[:, 0]

    @classmethod
    def of(cls, group: BasisGroup, cross: Mapping[str, Matrix], energy: Mapping[str, float]) -> _Column:
        count = len(group.decoder)
        total = sum((cross[name][:count, 0] for name in group.tensors), np.zeros(count))
        return cls(group, total, sum(energy[name] for name in group.tensors))

    def mixed(self) -> Matrix:
        """⟨τ̂_t − τ_t, τ̂ − τ⟩ − ⟨τ_t, τ⟩ with every other task t, and with itself last, ``(T + 1,)``."""
        group, w, c = self.group, self.weights, self.cross
        others = group.decoder.T @ group.atom_gram @ w - group.cross.T @ w - group.decoder.T @ c
        return np.append(others, w @ group.atom_gram @ w - 2 * c @ w)

    def grown(self) -> GroupDocument:
        group = self.group
        return GroupDocument(
            name=group.name,
            tensors=group.tensors,
            encoder=None,
            decoder=np.column_stack([group.decoder, self.weights]).tolist(),
            atom_gram=group.atom_gram.tolist(),
            cross=without_nan(np.column_stack([group.cross, self.cross])),
            energy=without_nan(np.append(group.energy, self.energy)[None])[0],
        )


def _grown_gram(basis: Basis, task: str) -> Matrix:
    """Return G with one more row; NaN beside vectors that are no longer in the store."""
    store = basis.store
    names = store.documents.names_of_tasks(basis.document)
    known = [name for name in names if name is not None]
    total = store.gram([task, *known]).total
    row = dict(zip(known, total[0, 1:].tolist(), strict=True))
    size = len(basis.tasks)
    gram = np.full((size + 1, size + 1), np.nan)
    gram[:size, :size] = basis.certificate.gram
    gram[size, :size] = gram[:size, size] = [np.nan if name is None else row[name] for name in names]
    gram[size, size] = total[0, 0]
    return gram


def _grown_residual(basis: Basis, columns: list[_Column], gram: Matrix) -> Matrix:
    size = len(basis.tasks)
    mixed = np.sum([column.mixed() for column in columns], axis=0)
    residual = np.full((size + 1, size + 1), np.nan)
    residual[:size, :size] = basis.certificate.residual
    residual[size] = residual[:, size] = gram[size] + mixed
    return residual


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
    store.documents.replace_basis(document)
    return Basis(store, document)
