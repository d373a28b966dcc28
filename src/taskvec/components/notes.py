"""What a user should be told about a decomposition: plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskvec.bases.notes import duplicates
from taskvec.linalg.subspaces.nested import ROOT
from taskvec.store.kinds.decompositions import DecompositionDocument, MatrixDocument
from taskvec.store.store import Store

_NEAR_ONE = 0.9  # a threshold from which little can be told


def notes(store: Store, tasks: Sequence[str], document: DecompositionDocument) -> tuple[str, ...]:
    """Say what the parts may hide.

    Args:
        store: The store, for inner products.
        tasks: The T names.
        document: The decomposition.

    Returns:
        Sentences; none where there is nothing to say.
    """
    return (*_same_tasks(store, tasks), *_nothing_shared(document), *_still_matrices(document))


def _same_tasks(store: Store, tasks: Sequence[str]) -> Iterator[str]:
    for same in duplicates(tasks, store.gram(tasks).total):
        yield (
            f"{' and '.join(same)} are the same task vector: all that they have counts as shared between them, and the "
            "other tasks count less; leave one out"
        )


def _nothing_shared(document: DecompositionDocument) -> Iterator[str]:
    matrices = document.matrices
    left_out = [matrix for matrix in matrices if matrix.left_out]
    moved = [matrix for matrix in matrices if not matrix.left_out and any(matrix.energy.values())]
    empty = [matrix for matrix in moved if not matrix.groups[ROOT].rank]
    if left_out:
        yield f"{len(left_out)} of {len(matrices)} matrices are unique as a whole: {left_out[0].left_out}"
    if empty:
        yield f"no shared dimension in {len(empty)} of {len(matrices)} matrices: {_likely_cause(document, empty)}"


def _likely_cause(document: DecompositionDocument, empty: Sequence[MatrixDocument]) -> str:
    subspace, count = document.wanted.get("subspace", "mean"), len(document.tasks)
    if subspace != "mean" and count > 2:
        return (
            f"the {subspace} multiplies {count - 1} squared cosines and tightens with every task: try --subspace mean"
        )
    if document.wanted.get("threshold") is not None:
        largest = max(matrix.groups[ROOT].largest for matrix in empty)
        return f"the largest eigenvalue there is {largest:.3g}, below the threshold: try --threshold edge"
    if all(matrix.groups[ROOT].threshold > _NEAR_ONE for matrix in empty):
        return "the kept rank is large beside the matrix, and chance alone comes near 1: try a smaller --rank"
    return "the tasks have no more in common there than random subspaces of that rank would: try another --rank"


def _still_matrices(document: DecompositionDocument) -> Iterator[str]:
    still = [matrix for matrix in document.matrices if not all(matrix.energy.values())]
    if still:
        tasks = sorted({task for matrix in still for task, energy in matrix.energy.items() if not energy})
        yield (
            f"zero deltas in {len(still)} of {len(document.matrices)} matrices ({', '.join(tasks)}): a task that did "
            "not change a matrix shares nothing in it"
        )
