"""Expressions over the task vectors of a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.editing.scope.ground import Ground, Inputs
from taskvec.expressions import Leaf, LinearForm, VectorFunction, Weights
from taskvec.expressions.leaves import names_in
from taskvec.store.store import Store
from taskvec.store.store_gram import StoreGram
from taskvec.streaming import RunOptions, Steps
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:  # a store is edited without what a basis needs
    from taskvec.editing.scope.over_basis import Addition
    from taskvec.merging.combining import KnownProducts


def ground_of(store: Store, basis: str | None = None, addition: Addition = "recovered") -> Ground:
    """Return what an expression is over.

    Args:
        store: A store.
        basis: Take the vectors from this basis of it; then only its atoms are read.
        addition: What the sum of all tasks of a basis is.

    Returns:
        The vectors of the store, or those of the basis.
    """
    if basis is None:
        return OverStore(store)
    from taskvec.bases.basis import Basis
    from taskvec.editing.scope.over_basis import OverBasis

    return OverBasis(Basis.load(store, basis), addition)


@dataclass(frozen=True)
class OverStore:
    """The task vectors of a store.

    Attributes:
        store: The store.
    """

    part_remedy: ClassVar[str] = "decompose it first"

    store: Store

    @property
    def base(self) -> Source:
        """The store's base."""
        return self.store.base

    @property
    def options(self) -> RunOptions:
        """The store's limits."""
        return self.store.options

    @cached_property
    def names(self) -> Collection[str]:
        """The vectors, and the parts of those that were split."""
        return self.store.names_and_parts

    @property
    def functions(self) -> Mapping[str, VectorFunction]:
        """``orthogonal`` and ``shared_once``."""
        return {"orthogonal": self._orthogonal, "shared_once": self._shared_once}

    @property
    def products(self) -> KnownProducts:
        """What the store has kept of inner products."""
        from taskvec.store.stored_products import StoredProducts

        return StoredProducts(self.store)

    def inputs(self, form: LinearForm) -> Inputs:
        """Open the vectors that are used."""
        leaves = names_in(form.used)
        vectors: dict[Leaf, TaskVector] = {leaf: self.store[str(leaf)] for leaf in leaves}
        fingerprints = {str(leaf): self.store.documents.vector(str(leaf)).source.fingerprint for leaf in leaves}
        missing = tuple(self._asked.values())
        self._asked.clear()
        return Inputs(form, vectors, fingerprints, missing)

    def _orthogonal(self, vectors: Sequence[Weights]) -> Weights:
        from taskvec.editing.scope.store_functions import orthogonal

        return orthogonal(self._gram, vectors)

    def _shared_once(self, vectors: Sequence[Weights]) -> Weights:
        from taskvec.editing.scope.store_functions import shared_once

        return shared_once(self.store, vectors)

    def _gram(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return inner products as far as they are known, and note who asked for what is not."""
        gram = self.store.known_gram(names).total
        if np.isnan(gram).any():
            self._asked[tuple(names)] = partial(self.store.gramming, tuple(names))
        return gram

    @cached_property
    def _asked(self) -> dict[tuple[str, ...], Callable[[], Steps[StoreGram]]]:
        """What takes the inner products that were asked for since inputs were opened, and are not known."""
        return {}
