"""Inner products of forms that a store knows by name: taken from what it has kept, and kept where they were missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taskvec.store.store import Store
from taskvec.streaming import PlannedPass, plan_steps
from taskvec.vectors.forms import Form

Gram = NDArray[np.float64]


class StoredProducts:
    """The inner products of a store's vectors and of parts of these, asked for by their forms."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def knows(self, forms: Sequence[Form]) -> bool:
        """Say whether every form is a vector of the store, or a part of one."""
        return all(form.identity in self._names for form in forms)

    def plan(self, forms: Sequence[Form]) -> tuple[PlannedPass, ...]:
        """Return the passes that are missing; none where all products are kept already."""
        return plan_steps(self._store.gramming(self._names_of(forms)), self._store.options).passes

    def per_tensor(self, forms: Sequence[Form]) -> Mapping[str, Gram]:
        """Return the products of each tensor, ``(S, S)`` for S forms; those that were missing are kept from now on."""
        gram = self._store.gram(self._names_of(forms))
        return dict(zip(gram.tensors, gram.per_tensor, strict=True))

    def _names_of(self, forms: Sequence[Form]) -> tuple[str, ...]:
        return tuple(self._names[form.identity] for form in forms)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {self._store.documents.vector(name).identity: name for name in self._store.names_and_parts}
