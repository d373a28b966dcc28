"""The kinds of things that a store keeps: one file a kind, and its line here."""

from __future__ import annotations

from typing import Any

from taskvec.store.kind import Kind
from taskvec.store.kinds.bases import BASES
from taskvec.store.kinds.decompositions import DECOMPOSITIONS
from taskvec.store.kinds.vectors import VECTORS

KINDS: tuple[Kind[Any], ...] = (VECTORS, BASES, DECOMPOSITIONS)
"""In the order in which a name is looked up and sources are verified."""
