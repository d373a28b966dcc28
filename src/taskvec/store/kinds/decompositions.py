"""Decompositions: what task vectors share and what is each one's own; the newest counts for each task vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from taskvec.store.document import Document, SourceDocument, TaskDocument
from taskvec.store.kind import Kind, Owner
from taskvec.store.shelf import Shelf


class TaskGroupDocument(Document):
    """Tasks that were looked at together for what they share."""

    name: str
    tasks: tuple[str, ...]


class SharingDocument(Document):
    """What a group of tasks shares in one matrix.

    Attributes:
        rank: Dimensions of the shared subspace; the smaller where both sides are projected on.
        threshold: The least eigenvalue that counted.
        largest: The largest eigenvalue that there was.
        angles: For each direction, degrees between it and the tasks' spaces: arccos of the root mean squared cosine.
        energy: Task → ‖shared‖² of the component that this group gives it.
    """

    rank: int
    threshold: float
    largest: float
    angles: tuple[float, ...]
    energy: dict[str, float]


class MatrixDocument(Document):
    """How one tensor was split.

    Attributes:
        name: The tensor.
        shape: Its shape as a matrix.
        ranks: Task → how many singular directions were kept.
        energy: Task → ‖W‖².
        groups: Group → what it shares; empty for a tensor that is unique as a whole.
        left_out: Why nothing was looked for, where that is so.
        error: The largest relative error of the singular directions; 0 where all were taken exactly.
    """

    name: str
    shape: tuple[int, int]
    ranks: dict[str, int]
    energy: dict[str, float]
    groups: dict[str, SharingDocument]
    left_out: str | None = None
    error: float = 0.0


class DecompositionDocument(Document):
    """T task vectors, split into what they share and what is each one's own.

    Attributes:
        wanted: What was asked for, as keywords of ``decompose``.
        side: ``left``, ``right`` or ``both``.
        tasks: The T vectors, by the identities of their deltas.
        groups: All tasks, then the groups within them.
        matrices: How each tensor was split, in the base's order.
        factors: The factors of the shared components; None where nothing is shared.
        nbytes: Bytes of the factors.
    """

    wanted: dict[str, Any]
    side: Literal["left", "right", "both"]
    tasks: tuple[TaskDocument, ...]
    groups: tuple[TaskGroupDocument, ...]
    matrices: tuple[MatrixDocument, ...]
    factors: SourceDocument | None
    nbytes: int


def decomposition_owner(what: str) -> Owner:
    """Return the owner of a decomposition's factors.

    Args:
        what: What to call them in errors.
    """
    return Owner(what, "decompose again (taskvec decompose)")


def _sources(name: str, document: DecompositionDocument) -> Iterator[tuple[Owner, SourceDocument]]:
    if document.factors:
        yield decomposition_owner(f"the factors of decomposition {int(name)}"), document.factors


DECOMPOSITIONS = Kind("decompositions", "decomposition", DecompositionDocument, sources=_sources, is_named=False)


def newest_of(shelf: Shelf[DecompositionDocument], identity: str) -> DecompositionDocument | None:
    """Return the newest decomposition of a task vector; None if it was never decomposed."""
    return next((found for found in shelf.all() if identity in identities(found)), None)


def identities(document: DecompositionDocument) -> frozenset[str]:
    """Return the identities of the task vectors that were split."""
    return frozenset(task.fingerprint for task in document.tasks)


def publish_newest(shelf: Shelf[DecompositionDocument], document: DecompositionDocument) -> None:
    """Add a decomposition and forget those that it makes useless: of these tasks, or of some of them.

    Args:
        shelf: The decompositions of a store.
        document: What to add; its factors are in place. One that is the newest of all of its tasks already stays.
    """
    if all(newest_of(shelf, identity) == document for identity in identities(document)):
        return
    old = shelf.names()
    shelf.publish_next(document)
    for name in old:
        if identities(shelf.load(name)) <= identities(document):
            shelf.remove(name)
