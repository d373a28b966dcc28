"""Which task vectors are alike: inner products, norms and cosines, for the whole model or for each tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.store.store import Store
from taskvec.streaming import Steps, run_steps

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """Inner products of T task vectors.

    Attributes:
        names: The T names.
        gram: VᵀV, float64 ``(T, T)``.
        groups: The same for each group (tensor), where asked for.
    """

    names: tuple[str, ...]
    gram: Matrix
    groups: Mapping[str, Similarity] = field(default_factory=dict)

    @property
    def norms(self) -> Matrix:
        """‖τ_t‖₂, ``(T,)``."""
        return np.sqrt(np.maximum(np.diag(self.gram), 0.0))

    @property
    def cosine(self) -> Matrix:
        """Cosines, ``(T, T)``; NaN beside a zero vector."""
        norms = self.norms
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(self.gram / np.outer(norms, norms), -1.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        result = {
            "names": list(self.names),
            "gram": self.gram.tolist(),
            "cosine": self.cosine.tolist(),
            "norms": self.norms.tolist(),
        }
        groups = {name: group.to_json() for name, group in self.groups.items()}
        return {**result, "groups": groups} if groups else result


def similarity(store: Store, names: Sequence[str] | None = None, *, per_group: bool = False) -> Similarity:
    """Compare task vectors of a store; what the store knows already costs no reading.

    Args:
        store: The store.
        names: The T names; all if not given.
        per_group: Also compare tensor by tensor.

    Returns:
        Inner products, norms and cosines.
    """
    return run_steps(comparing(store, names, per_group=per_group), store.options)


def comparing(store: Store, names: Sequence[str] | None = None, *, per_group: bool = False) -> Steps[Similarity]:
    """Take the steps of :func:`similarity`; none where everything is known."""
    gram = yield from store.gramming(names)
    groups = {}
    if per_group:
        groups = {
            tensor: Similarity(gram.names, part) for tensor, part in zip(gram.tensors, gram.per_tensor, strict=True)
        }
    return Similarity(gram.names, gram.total, groups)
