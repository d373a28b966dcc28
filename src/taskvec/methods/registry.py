"""Every merge method by its name: what expressions, recipes, the command line and the pages offer."""

from __future__ import annotations

from collections.abc import Mapping

from taskvec.errors import CompositionError
from taskvec.methods.dare import dare_linear, dare_ties
from taskvec.methods.linear import linear
from taskvec.methods.method import Method
from taskvec.methods.settings import hint
from taskvec.methods.task_arithmetic import task_arithmetic
from taskvec.methods.ties import ties

METHODS: Mapping[str, Method] = {
    method.name: method for method in (linear, task_arithmetic, ties, dare_linear, dare_ties)
}
"""Name → method."""


def find_method(name: str) -> Method:
    """Return a method by its name.

    Args:
        name: Such as ``ties``.

    Returns:
        The method.

    Raises:
        CompositionError: If there is none of that name.
    """
    if name not in METHODS:
        raise CompositionError(f"unknown method {name!r}{hint(name, METHODS)}: use one of {', '.join(METHODS)}")
    return METHODS[name]
