"""The store: task vectors beside the identity of their base, and what was made of them, on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.store.similarity import Similarity
    from taskvec.store.store import Store

__all__ = ["Similarity", "Store"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Similarity": "taskvec.store.similarity",
        "Store": "taskvec.store.store",
    },
)
