"""What an expression over a basis is made of: the recovered vectors, or the atoms in place of all tasks together.

The paper's code adds atoms with weight 1 and has no merges; that a merge of all tasks may be taken over the atoms, M of
them in place of T vectors, is ours. For an encoder that is convex each atom is a mean of task vectors, so that trimming
and electing signs among atoms is trimming and electing among groups of alike tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from taskvec.bases.basis import Basis
from taskvec.errors import ExpressionError
from taskvec.expressions import LinearForm
from taskvec.merging.merges import Merges
from taskvec.vectors.task_vector import TaskVector


@dataclass(frozen=True)
class BasisInputs:
    """The vectors of an expression, and how far the result is from that of the task vectors themselves.

    Attributes:
        vectors: Name → vector.
        relative_error: Exact where the expression is linear, else NaN: unknown.
        is_merge: Whether it is unknown because something in the expression is no sum.
    """

    vectors: Mapping[str, TaskVector]
    relative_error: float
    is_merge: bool = False

    @property
    def unknown(self) -> str | None:
        """Why there is no number for the error; None where there is one."""
        if np.isfinite(self.relative_error):
            return None
        if self.is_merge:
            return "a certificate knows the errors of sums alone; measure that of a merge (--measure)"
        if np.isinf(self.relative_error):
            return "the task vectors themselves cancel, so there is nothing that an error could be relative to"
        return (
            "some of these task vectors never met in the store; with all of them in it, measure it (--measure), or let "
            "them meet (taskvec similarity)"
        )


def recovered_vectors(basis: Basis, form: LinearForm, merges: Merges) -> BasisInputs:
    """Take every task as it is recovered from the atoms.

    Args:
        basis: The basis.
        form: The expression.
        merges: The merges in it.

    Returns:
        The vectors, under the names of the tasks.
    """
    if merges.used(form.coefficients):
        return BasisInputs(basis.vectors, float("nan"), is_merge=True)
    return BasisInputs(basis.vectors, basis.certificate.error_of_expression(form.coefficients))


def task_vectors(basis: Basis, names: Collection[str]) -> Mapping[str, TaskVector]:
    """Return the task vectors themselves, under the names that a basis has for them.

    Args:
        basis: The basis.
        names: Some of its tasks.

    Returns:
        Name → vector.

    Raises:
        ExpressionError: If the store has one no more.
    """
    there = zip(basis.tasks, basis.store.documents.names_of_tasks(basis.document.tasks), strict=True)
    found = {name: stored for name, stored in there if name in names}
    gone = [name for name, stored in found.items() if stored is None]
    if gone:
        raise ExpressionError(
            f"measuring needs the task vectors themselves, and {', '.join(gone)} left {basis.store.path}: add "
            f"{'it' if len(gone) == 1 else 'them'} again, or leave --measure out"
        )
    return {name: basis.store[stored] for name, stored in found.items() if stored is not None}


def atoms_of_tasks(basis: Basis, form: LinearForm, merges: Merges) -> BasisInputs:
    """Take the sum of all tasks as that of the atoms, and a merge of all tasks as one of the atoms.

    Args:
        basis: The basis; a mean beside the atoms is left out.
        form: The expression.
        merges: The merges in it; those of all tasks become merges of the atoms.

    Returns:
        The vectors, under the names of tasks and atoms.

    Raises:
        ExpressionError: If the expression treats some tasks otherwise than others.
    """
    atoms = {f"atom {m}": vector for m, vector in enumerate(basis.atom_vectors)}
    merges.exchange(basis.tasks, list(atoms))
    within = merges.names(call.key for call in merges.used(form.coefficients))
    is_alike = len({form.coefficients.get(task, 0.0) for task in basis.tasks}) == 1
    if not is_alike or set(within) & set(basis.tasks):
        names = ", ".join(basis.tasks)
        raise ExpressionError(
            f"expression: atoms stand for the sum of all tasks alike, or for a merge of all: write base + "
            f"0.3*sum({names}) or ties({names}), or take the recovered vectors (without --add-atoms)"
        )
    sums = dict.fromkeys(basis.tasks, basis.atom_sum / len(basis.tasks))
    if within:
        return BasisInputs({**sums, **atoms}, float("nan"), is_merge=True)
    return BasisInputs({**sums, **atoms}, basis.atom_sum_error)
