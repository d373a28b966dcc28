"""Subspaces of one matrix and of several: singular directions, what they share, and what is left.

A way to find what subspaces share is a file of ``taskvec.linalg.subspaces.ways``, imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from taskvec.errors import DecompositionError
from taskvec.registry import OneFileEach, Registry

if TYPE_CHECKING:
    from taskvec.linalg.subspaces.subspace_method import SubspaceMethod

SUBSPACE_METHODS: Registry["SubspaceMethod"] = Registry(
    "subspace", DecompositionError, OneFileEach("taskvec.linalg.subspaces.ways")
)
"""Name → way to find what subspaces share."""
