"""mergekit's settings as ours: conditions become cases, gradients keep to the layers of their slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from taskvec.editing.recipe.mergekit.schema import Condition, Setting
from taskvec.editing.recipe.settings import Case, Gradient, Scalar
from taskvec.editing.recipe.settings import Setting as OwnSetting
from taskvec.methods.parameter import Parameter

_EVERYTHING = frozenset({None, "*"})


@dataclass(frozen=True, slots=True)
class Scope:
    """The layers of the output that some settings are for; None for all.

    Attributes:
        layers: ``[first, stop]``.
        settings: From the highest precedence to the lowest.
    """

    layers: tuple[int, int] | None
    settings: tuple[Setting, ...]


def own_setting(parameter: Parameter, scopes: Sequence[Scope]) -> OwnSetting | None:
    """Join settings of mergekit's to one of ours.

    Args:
        parameter: What is set.
        scopes: The settings for each slice, or for the whole model.

    Returns:
        A scalar where it is the same everywhere, cases elsewhere; None where nothing is set.
    """
    if not any(scope.settings for scope in scopes):
        return None
    cases = tuple(case for scope in scopes for case in _until_certain(_cases(parameter, scope)))
    values = {repr(case.value): case.value for case in cases}
    certain = len(cases) == len(scopes) and all(case.tensors is None for case in cases)
    only = next(iter(values.values()))
    if certain and len(values) == 1 and (len(scopes) == 1 or not isinstance(only, Gradient)):
        return only if scopes[0].layers is None or not isinstance(only, Gradient) else cases
    return cases


def _cases(parameter: Parameter, scope: Scope) -> Iterator[Case]:
    for setting in scope.settings:
        for condition in _conditions(setting):
            tensors = None if condition.filter in _EVERYTHING else f"*{_escaped(str(condition.filter))}*"
            yield Case(tensors=tensors, layers=scope.layers, value=_value(parameter, condition.value))
    default = parameter.default_for("mergekit")
    if isinstance(default, bool | int | float | str):
        yield Case(layers=scope.layers, value=default)


def _conditions(setting: Setting) -> tuple[Condition, ...]:
    if isinstance(setting, Condition):
        return (setting,)
    if isinstance(setting, tuple) and isinstance(setting[0], Condition):
        return tuple(one for one in setting if isinstance(one, Condition))
    return (Condition.model_construct(value=setting),)


def _until_certain(cases: Iterable[Case]) -> Iterator[Case]:
    """Leave out what comes after a case that holds for all tensors of its scope."""
    for case in cases:
        yield case
        if case.tensors is None:
            return


def _value(parameter: Parameter, value: Scalar | tuple[Scalar, ...]) -> Scalar | Gradient:
    if isinstance(value, tuple):
        return Gradient(gradient=tuple(_scalar(parameter, one) for one in value))
    return _scalar(parameter, value)


def _scalar(parameter: Parameter, value: Scalar) -> Scalar:
    """Read a number that YAML takes for text, such as ``1e-3``, and a number that stands for a switch."""
    if parameter.kind in {"number", "count"} and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if parameter.kind == "flag" and value in {0, 1}:
        return bool(value)
    return value


def _escaped(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)
