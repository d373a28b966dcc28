"""Merges: any method over task vectors, computed as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskvec.lazy import lazy_names

if TYPE_CHECKING:
    from taskvec.merging.merge import Merge

__all__ = ["Merge"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Merge": "taskvec.merging.merge",
    },
)
