"""Merge methods: each a record that says what each needs, and a function of arrays that is its definition.

``taskvec.methods.ties(deltas, density=0.2)`` merges the deltas of one tensor in float64; ``METHODS`` has them all.
A method is a file of ``taskvec.methods.ways``, imported when it is first asked for.
"""

from taskvec.errors import CompositionError
from taskvec.methods.method import Mergekit, Method, Takes
from taskvec.methods.rule import Needs
from taskvec.registry import OneFileEach, Registry

METHODS: Registry[Method] = Registry("method", CompositionError, OneFileEach("taskvec.methods.ways"))
"""Name → method."""

__all__ = ["METHODS", "Mergekit", "Method", "Needs", "Takes", *METHODS]  # noqa: PLE0604  # the names are strings


def __getattr__(name: str) -> Method:
    if name not in METHODS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return METHODS[name]


def __dir__() -> list[str]:
    return __all__
