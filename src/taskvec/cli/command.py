"""How a function becomes a command: its group of options is spread out, and its errors become one line.

The parser knows options one by one; a command wants them together. A command is a function whose last parameter,
``how``, is a :class:`Reporting` or :class:`Running`; the parser is shown one parameter for each of its fields.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import get_type_hints

import typer

from taskvec.cli.failures import one_line_errors
from taskvec.cli.options import Reporting

Function = Callable[..., None]


def command(app: typer.Typer, name: str) -> Callable[[Function], Function]:
    """Register a function as a command.

    Args:
        app: Where.
        name: The word that calls it.

    Returns:
        A decorator that leaves the function as it is.
    """

    def register(function: Function) -> Function:
        kind: type[Reporting] = get_type_hints(function)["how"]
        names = [field.name for field in dataclasses.fields(kind)]

        @functools.wraps(function)
        def run(**given: object) -> None:
            how = kind(**{name: given.pop(name) for name in names})  # type: ignore[arg-type]
            with one_line_errors(verbose=how.verbose):
                function(**given, how=how)

        parameters = _spread(function, kind)
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name)(run)
        return function

    return register


def _spread(function: Function, kind: type[Reporting]) -> list[inspect.Parameter]:
    """Return the function's parameters as keywords, with the fields of ``kind`` in place of ``how``."""
    hints = get_type_hints(function, include_extras=True)
    own = [p for p in inspect.signature(function).parameters.values() if p.name != "how"]
    fields = get_type_hints(kind, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [p.replace(annotation=hints[p.name], kind=keyword) for p in own] + [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=fields[field.name])
        for field in dataclasses.fields(kind)
    ]
