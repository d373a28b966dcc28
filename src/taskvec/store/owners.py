"""Whose files a store watches, and what to do about each when they are no longer what they were."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """What a source is of.

    Attributes:
        name: What to call it in errors: ``task vector 'math'``.
        remedy: What helps where its files cannot be restored.
    """

    name: str
    remedy: str


BASE_MODEL = Owner("the base", "make a new store for the base as it is now (taskvec store init)")
"""The base of a store."""


def vector_owner(name: str) -> Owner:
    """Return the owner of a task vector's source."""
    return Owner(f"task vector {name!r}", "remove the vector and add it again")


def atom_owner(basis: str, index: int) -> Owner:
    """Return the owner of an atom's file."""
    return Owner(f"atom {index} of basis {basis!r}", "remove the basis, and compress again or import it again")


def decomposition_owner(what: str) -> Owner:
    """Return the owner of a decomposition's factors.

    Args:
        what: What to call them in errors.
    """
    return Owner(what, "decompose again (taskvec decompose)")
