"""Shared and unique components of task vectors: what several fine-tunes change together, and what each changes alone.

Source: "Decomposing Task Vectors for Refined Model Editing" (arXiv 2512.22511). For each weight matrix, every task
vector Wᵢ has a column space Uᵢ (cut by a rank rule); the shared subspace is where these spaces meet beyond chance; the
shared component is the projection of Wᵢ on it, and the unique component is the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.components.attributing import Attribution, attribute
    from taskvec.components.decompose import load_decomposition
    from taskvec.components.decomposition import Decomposition

__all__ = ["Attribution", "Decomposition", "attribute", "load_decomposition"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Attribution": "taskvec.components.attributing",
        "Decomposition": "taskvec.components.decomposition",
        "attribute": "taskvec.components.attributing",
        "load_decomposition": "taskvec.components.decompose",
    },
)
