"""How a function becomes a command: its groups of options are spread out, and its errors become one line.

The parser knows options one by one; a command wants together what belongs together. A parameter whose type is a
dataclass is a group: the parser is shown one parameter for each of its fields. Every command has the group ``how``, a
:class:`Reporting` or :class:`Running`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

import typer

from taskvec.cli.failures import one_line_errors

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
        groups = {name: kind for name, kind in get_type_hints(function).items() if dataclasses.is_dataclass(kind)}

        @functools.wraps(function)
        def run(**given: object) -> None:
            made = {name: _take(kind, given) for name, kind in groups.items()}
            with one_line_errors(verbose=made["how"].verbose):
                function(**given, **made)

        parameters = list(_spread(function, groups))
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name)(run)
        return function

    return register


def _take(kind: Any, given: dict[str, object]) -> Any:
    """Make a group of the options that are its fields, and take these out of what was given."""
    return kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})


def _spread(function: Function, groups: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    """Yield the function's parameters as keywords, each group as its fields, ``how`` last."""
    hints, keyword = get_type_hints(function, include_extras=True), inspect.Parameter.KEYWORD_ONLY
    for parameter in sorted(inspect.signature(function).parameters.values(), key=lambda each: each.name == "how"):
        kind = groups.get(parameter.name)
        if kind is None:
            yield parameter.replace(annotation=hints[parameter.name], kind=keyword)
            continue
        annotations = get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            yield inspect.Parameter(field.name, keyword, default=default, annotation=annotations[field.name])
