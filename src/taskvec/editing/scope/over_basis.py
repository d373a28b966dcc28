"""What an expression over a basis is made of: the recovered vectors, or the atoms in place of all tasks together.

The paper's code adds atoms with weight 1 and has no merges; that a merge of all tasks may be taken over the atoms, M of
them in place of T vectors, is ours. For an encoder that is convex each atom is a mean of task vectors, so that trimming
and electing signs among atoms is trimming and electing among groups of alike tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from taskvec.bases.basis import Basis
from taskvec.editing.scope.ground import Inputs
from taskvec.editing.scope.store_functions import basis_functions
from taskvec.errors import ExpressionError
from taskvec.expressions import Leaf, LinearForm, Merged, Named, Terms, VectorFunction
from taskvec.expressions.leaves import merges_in, names_in
from taskvec.linalg.certificate import known
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:
    from taskvec.merging.combining import KnownProducts

Addition = Literal["recovered", "atoms"]
"""What the sum of all tasks of a basis is: of the recovered vectors, or of the atoms with weight 1."""


@dataclass(frozen=True)
class _Taken:
    """What is taken from a basis.

    Attributes:
        form: The expression, over tasks and atoms.
        vectors: What it names.
        error: How far the result is from that of the task vectors themselves; NaN where that is unknown.
    """

    form: LinearForm
    vectors: Mapping[Leaf, TaskVector]
    error: float

    @property
    def unknown(self) -> str | None:
        """Why there is no number for the error; None where there is one."""
        if np.isfinite(self.error):
            return None
        if np.isnan(self.error) and merges_in(self.form.coefficients):
            return "a certificate knows the errors of sums alone; measure that of a merge (--measure)"
        if np.isinf(self.error):
            return "the task vectors themselves cancel, so there is nothing that an error could be relative to"
        return (
            "some of these task vectors never met in the store; with all of them in it, measure it (--measure), or let "
            "them meet (taskvec similarity)"
        )


@dataclass(frozen=True)
class _Tasks:
    """The names of a basis's tasks, and what may be done with them.

    Attributes:
        basis: The basis.
    """

    basis: Basis

    @property
    def base(self) -> Source:
        """The store's base."""
        return self.basis.store.base

    @property
    def options(self) -> RunOptions:
        """The store's limits."""
        return self.basis.store.options

    @property
    def names(self) -> Collection[str]:
        """The tasks."""
        return self.basis.tasks

    @property
    def functions(self) -> Mapping[str, VectorFunction]:
        """``orthogonal`` and ``shared_once``, as far as the basis knows enough."""
        return basis_functions(self.basis)

    @property
    def part_remedy(self) -> str:
        """Why the basis lacks a part."""
        return f"basis {self.basis.name!r} keeps parts of those alone that it was made with: leave --basis out"


@dataclass(frozen=True)
class OverBasis(_Tasks):
    """The recovered task vectors, or the atoms in place of all of them; only atoms are read.

    Attributes:
        basis: The basis.
        addition: What the sum of all tasks is; with atoms, a merge of all tasks is one of the atoms.
    """

    products: ClassVar[None] = None

    addition: Addition = "recovered"

    def inputs(self, form: LinearForm) -> Inputs:
        """Take what is used from the atoms, with the error that this makes."""
        taken = self._atoms(form) if self.addition == "atoms" else self._recovered(form)
        errors = self.basis.certificate.task_errors
        certificate = {
            "basis": self.basis.name,
            "addition": self.addition,
            "relative_error": known(taken.error),
            **({"unknown": taken.unknown} if taken.unknown else {}),
            "task_errors": {str(leaf): known(errors[str(leaf)]) for leaf in names_in(form.coefficients)},
        }
        atoms = {f"atom {m}": atom.fingerprint for m, atom in enumerate(self.basis.document.atoms)}
        return Inputs(taken.form, taken.vectors, atoms, certificate=certificate)

    def _recovered(self, form: LinearForm) -> _Taken:
        """Take every task as it is recovered from the atoms."""
        vectors: dict[Leaf, TaskVector] = {Named.of(task): vector for task, vector in self.basis.vectors.items()}
        if merges_in(form.coefficients):
            return _Taken(form, vectors, float("nan"))
        weights = {str(leaf): weight for leaf, weight in form.coefficients.items()}
        return _Taken(form, vectors, self.basis.certificate.error_of_expression(weights))

    def _atoms(self, form: LinearForm) -> _Taken:
        """Take the sum of all tasks as that of the atoms, and a merge of all tasks as one of the atoms.

        A mean beside the atoms is left out.

        Raises:
            ExpressionError: If the expression treats some tasks otherwise than others.
        """
        basis = self.basis
        tasks = [Named.of(task) for task in basis.tasks]
        atoms: dict[Leaf, TaskVector] = {Named(f"atom {m}"): vector for m, vector in enumerate(basis.atom_vectors)}
        exchanged = _exchanged(tuple(form.coefficients.items()), tasks, names_in(atoms))
        changed = LinearForm(form.base, dict(exchanged))
        within = names_in(merges_in(changed.coefficients))
        is_alike = len({form.coefficients.get(task, 0.0) for task in tasks}) == 1
        if not is_alike or set(within) & set(tasks):
            names = ", ".join(basis.tasks)
            raise ExpressionError(
                f"expression: atoms stand for the sum of all tasks alike, or for a merge of all: write base + "
                f"0.3*sum({names}) or ties({names}), or take the recovered vectors (without --add-atoms)"
            )
        sums: dict[Leaf, TaskVector] = dict.fromkeys(tasks, basis.atom_sum / len(tasks))
        return _Taken(changed, {**sums, **atoms}, float("nan") if within else basis.atom_sum_error)


@dataclass(frozen=True)
class OverTasks(_Tasks):
    """The task vectors themselves, under the names that a basis has for them; they are read.

    Attributes:
        basis: The basis.
    """

    @property
    def products(self) -> KnownProducts:
        """What the store has kept of inner products."""
        from taskvec.store.stored_products import StoredProducts

        return StoredProducts(self.basis.store)

    def inputs(self, form: LinearForm) -> Inputs:
        """Open the task vectors that are used.

        Raises:
            ExpressionError: If the store has one no more.
        """
        stored = self._stored(names_in(form.used))
        return Inputs(form, {leaf: self.basis.store[name] for leaf, name in stored.items()}, {})

    def _stored(self, leaves: Iterable[Named]) -> Mapping[Leaf, str]:
        """Return what the store calls some tasks now.

        Raises:
            ExpressionError: If one is there no more.
        """
        basis = self.basis
        now = dict(zip(basis.tasks, basis.store.documents.names_of_tasks(basis.document.tasks), strict=True))
        found = {leaf: now[str(leaf)] for leaf in leaves}
        gone = [task for task in basis.tasks if Named.of(task) in found and now[task] is None]
        if gone:
            raise ExpressionError(
                f"measuring needs the task vectors themselves, and {', '.join(gone)} left {basis.store.path}: add "
                f"{'it' if len(gone) == 1 else 'them'} again, or leave --measure out"
            )
        return {leaf: name for leaf, name in found.items() if name is not None}


def _exchanged(terms: Terms, old: Collection[Named], new: Sequence[Named]) -> Terms:
    """Merge other vectors wherever all of some are merged, each of these once and alone.

    Args:
        terms: A sum.
        old: What a merge must merge, in any order.
        new: What it merges then, under the name that it has.

    Returns:
        The sum.

    Raises:
        ExpressionError: If such a merge has a number for each of the old ones.
    """
    changed: dict[Leaf, Leaf] = {}
    for leaf in merges_in(leaf for leaf, _ in terms):
        within = tuple(_with(argument, changed) for argument in leaf.arguments)
        arguments = tuple(((one, 1.0),) for one in new) if _is_of_all(leaf, old) else within
        if arguments != leaf.arguments:
            changed[leaf] = replace(leaf, arguments=arguments, name=str(leaf))
    return _with(terms, changed)


def _is_of_all(leaf: Merged, vectors: Collection[Named]) -> bool:
    """Say whether a merge is of some vectors, each alone.

    Raises:
        ExpressionError: If it is, and has a number for each of them.
    """
    wanted = [((vector, 1.0),) for vector in vectors]
    if len(leaf.arguments) != len(wanted) or any(one not in leaf.arguments for one in wanted):
        return False
    single = [option for option, value in leaf.options if isinstance(value, tuple)]
    if single:
        raise ExpressionError(
            f"{leaf.method}: {single[0]} has a number for each task, and atoms are none of them: give "
            "one number for all, or take the recovered vectors (without --add-atoms)"
        )
    return True


def _with(terms: Terms, changed: Mapping[Leaf, Leaf]) -> Terms:
    return tuple((changed.get(leaf, leaf), weight) for leaf, weight in terms)
