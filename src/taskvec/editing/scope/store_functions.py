"""Functions in expressions that know a store or a basis: inner products (``orthogonal``), parts (``shared_once``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import DecompositionError, ExpressionError
from taskvec.expressions import Leaf, Merged, Named, VectorFunction, Weights
from taskvec.store.store import Store

if TYPE_CHECKING:
    from taskvec.bases.basis import Basis
    from taskvec.store.kinds.decompositions import DecompositionDocument

Matrix = NDArray[np.float64]

_DEPENDENT = 1e-10  # relative size below which a direction of the Gram matrix counts as none


def basis_functions(basis: Basis) -> Mapping[str, VectorFunction]:
    """Return the functions for expressions over a basis, which keeps its tasks' own inner products.

    Coefficients are those that the task vectors themselves would get, so that the error is known as of any sum.

    Args:
        basis: The basis.

    Returns:
        Name → function.
    """

    def products(names: Sequence[str]) -> Matrix:
        places = [basis.tasks.index(name) for name in names]
        gram: Matrix = basis.certificate.gram[np.ix_(places, places)]
        if np.isnan(gram).any():
            raise ExpressionError(
                f"orthogonal: basis {basis.name!r} does not know all inner products of {', '.join(names)}, for some of "
                "these never met in the store: let them meet there (taskvec similarity), or refit the basis"
            )
        return gram

    return {"orthogonal": partial(orthogonal, products), "shared_once": partial(_shared_once_over, basis)}


def _shared_once_over(basis: Basis, vectors: Sequence[Weights]) -> Weights:
    """Return ``shared_once`` where a basis holds the shared components of its tasks beside these.

    Raises:
        ExpressionError: If it does not, or the store does not know how the tasks were decomposed.
    """
    names_now = basis.store.documents.names_of_tasks(basis.document.tasks)
    now = dict(zip(basis.tasks, names_now, strict=True))
    gone = [str(leaf) for vector in vectors for leaf in vector if now.get(str(leaf), "") is None]
    if gone:
        left = f"{', '.join(gone)} left {basis.store.path}"
        raise ExpressionError(f"shared_once asks the store what is shared, and {left}: add what is gone again")
    then: dict[Leaf, Leaf] = {Named.of(name): Named.of(task) for task, name in now.items() if name is not None}
    back = {task: name for name, task in then.items()}
    found = shared_once(basis.store, [{back.get(leaf, leaf): w for leaf, w in vector.items()} for vector in vectors])
    missing = [str(leaf) for leaf in found if leaf not in then]
    if missing:
        raise ExpressionError(
            f"basis {basis.name!r} does not hold {', '.join(missing)}, which shared_once needs: leave --basis out, or "
            f"compress them beside the tasks (--tasks {','.join([*filter(None, names_now), *missing])})"
        )
    return {then[leaf]: weight for leaf, weight in found.items()}


def orthogonal(gram_of: Callable[[Sequence[str]], Matrix], vectors: Sequence[Weights]) -> Weights:
    """Return a − Σ cᵢ bᵢ, orthogonal to every bᵢ: a without its projection on the span of the others.

    Only the Gram matrix is needed: with G the products of the bᵢ and g those with a, c = G⁺g. Ours; it protected other
    tasks from a negation better than the unique component did.

    Args:
        gram_of: From names to their inner products.
        vectors: a, and the b₁, b₂, … to be orthogonal to.

    Returns:
        The coefficients; NaN where not all inner products are known.

    Raises:
        ExpressionError: If there is nothing to be orthogonal to, or an argument is made by a merge.
    """
    if len(vectors) < 2:
        raise ExpressionError("orthogonal needs what to be orthogonal to, as in orthogonal(toxic, general)")
    leaves = list(dict.fromkeys(leaf for vector in vectors for leaf in vector))
    if any(isinstance(leaf, Merged) for leaf in leaves):
        raise ExpressionError("orthogonal takes stored vectors and their sums, whose inner products are known")
    mixing = np.array([[vector.get(leaf, 0.0) for leaf in leaves] for vector in vectors])
    gram = mixing @ gram_of(list(map(str, leaves))) @ mixing.T
    if np.isnan(gram).any():
        return dict.fromkeys(leaves, float("nan"))
    weights = -np.linalg.pinv(gram[1:, 1:], rcond=_DEPENDENT, hermitian=True) @ gram[1:, 0]
    return dict(zip(leaves, (np.array([1.0, *weights]) @ mixing).tolist(), strict=True))


def shared_once(store: Store, vectors: Sequence[Weights]) -> Weights:
    """Return Σ uniqueᵢ + mean sharedᵢ: the sum of task vectors with what they share counted once, not k times.

    Where groups of tasks share more among themselves, that is counted once for each group. Ours; the paper adds the
    shared components again.

    Args:
        store: The store, which knows how they were decomposed.
        vectors: The tasks, by their names alone.

    Returns:
        The coefficients.

    Raises:
        ExpressionError: If an argument is no task, or they were not decomposed together.
    """
    from taskvec.components.decompose import load_decomposition  # only this function needs

    leaves = [leaf for vector in vectors for leaf in vector]
    names = [leaf.name for leaf in leaves if isinstance(leaf, Named) and leaf.part is None]
    is_plain = len(names) == len(leaves) and all(list(vector.values()) == [1.0] for vector in vectors)
    if not is_plain or len(set(names)) < len(vectors):
        raise ExpressionError("shared_once takes names of task vectors, each once, as in shared_once(math, code)")
    try:
        found = load_decomposition(store, names)
    except DecompositionError as error:
        raise ExpressionError(str(error)) from error
    own = dict(zip(found.tasks, (task.name for task in found.document.tasks), strict=True))
    whole: Weights = {Named(name): 1.0 for name in names}
    return {**whole, **_less_shared({name: own[name] for name in names}, found.document)}


def _less_shared(tasks: Mapping[str, str], document: DecompositionDocument) -> Weights:
    """Return what to take away of each group's shared component: all but one of as many as there are members."""
    less: dict[Leaf, float] = {}
    for group in document.groups:
        members = [name for name, task in tasks.items() if task in group.tasks]
        if len(members) > 1:
            own = group.name if len(document.groups) > 1 else None
            less |= {Named(name, "shared", own): 1 / len(members) - 1 for name in members}
    return less
