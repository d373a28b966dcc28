"""What the page of a store is made from: documents, inner products, bases and decompositions, gathered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.basis import Basis
from taskvec.components.decomposition import Decomposition
from taskvec.reports.likeness import Tree, cosines, tree
from taskvec.store.kinds.bases import BASES
from taskvec.store.kinds.decompositions import DECOMPOSITIONS
from taskvec.store.kinds.vectors import VectorDocument
from taskvec.store.store import Store
from taskvec.store.store_gram import StoreGram

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class StoreFacts:
    """A store, as far as its page speaks of it.

    Attributes:
        store: The store.
        documents: The T task vectors.
        products: Their inner products, per tensor.
        bases: All bases.
        decompositions: All decompositions that hold one of the task vectors, the newest first.
    """

    store: Store
    documents: tuple[VectorDocument, ...]
    products: StoreGram
    bases: tuple[Basis, ...]
    decompositions: tuple[Decomposition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The T names."""
        return self.products.names

    @property
    def gram(self) -> Matrix:
        """G, ``(T, T)``."""
        return self.products.total

    @cached_property
    def cosine(self) -> Matrix:
        """Cosines, ``(T, T)``."""
        return cosines(self.gram)

    @cached_property
    def tree(self) -> Tree:
        """How the vectors cluster; two or more."""
        return tree(self.gram)


def gather(store: Store, names: Sequence[str] | None = None) -> StoreFacts:
    """Gather what a page says of a store; reads weights only for inner products that are not known yet.

    Args:
        store: The store.
        names: The T task vectors; all if not given.

    Returns:
        The facts.
    """
    products = store.gram(names)
    documents = tuple(store.documents.vector(name) for name in products.names)
    bases = tuple(Basis.load(store, name) for name in store.documents.of(BASES).names())
    return StoreFacts(store, documents, products, bases, _decompositions(store, documents))


def _decompositions(store: Store, documents: Sequence[VectorDocument]) -> tuple[Decomposition, ...]:
    names = {document.identity: document.name for document in documents}
    found = []
    for document in store.documents.of(DECOMPOSITIONS).all():
        if any(task.fingerprint in names for task in document.tasks):
            tasks = tuple(names.get(task.fingerprint, task.name) for task in document.tasks)
            found.append(Decomposition(store, tasks, document))
    return tuple(found)
