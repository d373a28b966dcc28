"""What an expression over a basis is made of: the recovered vectors, or the atoms in place of all tasks together.

The paper's code adds atoms with weight 1 and has no merges; that a merge of all tasks may be taken over the atoms, M of
them in place of T vectors, is ours. For an encoder that is convex each atom is a mean of task vectors, so that trimming
and electing signs among atoms is trimming and electing among groups of alike tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskvec.composition.merges import Merges
from taskvec.errors import ExpressionError
from taskvec.linalg.basis import Basis
from taskvec.vectors.expressions import LinearForm
from taskvec.vectors.task_vector import TaskVector


@dataclass(frozen=True)
class BasisInputs:
    """The vectors of an expression, and how far the result is from that of the task vectors themselves.

    Attributes:
        vectors: Name → vector.
        relative_error: Exact where the expression is linear, else NaN: unknown.
    """

    vectors: Mapping[str, TaskVector]
    relative_error: float


def recovered_vectors(basis: Basis, form: LinearForm, merges: Merges) -> BasisInputs:
    """Take every task as it is recovered from the atoms.

    Args:
        basis: The basis.
        form: The expression.
        merges: The merges in it.

    Returns:
        The vectors, under the names of the tasks.
    """
    is_linear = not merges.used(form.coefficients)
    error = basis.certificate.error_of_expression(form.coefficients) if is_linear else float("nan")
    return BasisInputs(basis.vectors, error)


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
    atoms = {
        f"atom {m}": TaskVector.from_terms(basis.store.base, {atom: 1.0})
        for m, atom in enumerate(basis.atoms[: basis.num_atoms])
    }
    merges.exchange(basis.tasks, list(atoms))
    within = merges.names(call.key for call in merges.used(form.coefficients))
    is_alike = len({form.coefficients.get(task, 0.0) for task in basis.tasks}) == 1
    if not is_alike or set(within) & set(basis.tasks):
        names = ", ".join(basis.tasks)
        raise ExpressionError(
            f"expression: atoms stand for the sum of all tasks alike, or for a merge of all: write base + "
            f"0.3*sum({names}) or ties({names}), or take the recovered vectors"
        )
    sums = dict.fromkeys(basis.tasks, basis.atom_sum / len(basis.tasks))
    return BasisInputs({**sums, **atoms}, float("nan") if within else basis.atom_sum_error)
