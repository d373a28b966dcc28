"""What every method takes, by value: with another default or bound people get another result."""

from __future__ import annotations

import inspect

import pytest
from method_oracles import LIMITS, ORACLES

from taskvec.methods import METHODS
from taskvec.parameter import Parameter, Unset


def said(parameter: Parameter) -> str:
    """An option in the words of the table of limits: ``kind = default; mergekit: default``, then bounds and words."""
    default = "required" if parameter.default is Unset.REQUIRED else repr(parameter.default)
    mergekit = "required" if parameter.mergekit is Unset.REQUIRED else repr(parameter.mergekit)
    bounds = parameter.bounds
    signs = ((">", bounds.above), (">=", bounds.least), ("<", bounds.below), ("<=", bounds.most))
    words = [
        f"{parameter.kind}{'s' if parameter.per_vector else ''} = {default}",
        *(f"{sign} {bound}" for sign, bound in signs if bound is not None),
        *parameter.choices,
        *([f"alias {parameter.alias}"] if parameter.alias else []),
    ]
    if parameter.mergekit is not Unset.SAME:
        words[0] += f"; mergekit: {mergekit}"
    return " ".join(words)


@pytest.mark.parametrize("name", METHODS)
def test_it_takes_these_options_with_these_defaults_and_bounds(name: str) -> None:
    assert {parameter.name: said(parameter) for parameter in METHODS[name].parameters} == LIMITS[name]


@pytest.mark.parametrize("name", ORACLES)
def test_its_oracle_has_the_same_defaults(name: str) -> None:
    """An option of the oracle that depends on others, such as on semantics, has None there."""
    options = {parameter.name: parameter for parameter in METHODS[name].parameters}
    given = inspect.signature(ORACLES[name]).parameters
    theirs = {key: one.default for key, one in given.items() if key in options and one.default is not one.empty}
    assert {key: options[key].default for key, value in theirs.items() if value is not None} == {
        key: value for key, value in theirs.items() if value is not None
    }


def test_no_option_of_an_oracle_is_one_that_its_method_lacks() -> None:
    known = {"taus", "base", "names", "tensor", "model", "_"}
    for name, oracle in ORACLES.items():
        lacking = set(inspect.signature(oracle).parameters) - known - {p.name for p in METHODS[name].parameters}
        assert not lacking, name
