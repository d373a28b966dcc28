"""What an option is: its checks, what a text means to it, and the docstring that it writes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from taskvec.errors import BasisError, TaskvecError
from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.methods import METHODS
from taskvec.parameter import Options, count, flag, number, parameters_of, raising, word


@dataclass(frozen=True)
class Baking(Options):
    """Options of a cake."""

    minutes: int = count(40, "how long it bakes", least=1)
    heat: float = number(180.0, "degrees", above=0, most=300)
    glazed: bool = flag(False, "glaze it")
    shape: str = word("round", "of what shape", choices=("round", "square"))


BY_NAME = {one.name: one for one in parameters_of(Baking)}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("minutes", "5", 5),
        ("minutes", "-12345678901234567891", -12345678901234567891),
        ("minutes", "5.5", 5.5),
        ("heat", "1e2", 100.0),
        ("heat", "hot", "hot"),
        ("glazed", "True", True),
        ("glazed", "no", False),
        ("glazed", "perhaps", "perhaps"),
        ("shape", "square", "square"),
        ("shape", "5", "5"),
    ],
)
def test_a_text_means_a_value_of_its_kind(name: str, text: str, value: object) -> None:
    found = BY_NAME[name].read(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("minutes", 0, "cake: minutes is 0, expected at least 1, such as minutes=40"),
        ("minutes", 5.5, "cake: minutes is 5.5, expected a whole number, such as minutes=40"),
        ("heat", "hot", "cake: heat is hot, expected a number, such as heat=180.0"),
        ("heat", 301, "cake: heat is 301, expected above 0 and at most 300, such as heat=180.0"),
        ("glazed", "perhaps", "cake: glazed is perhaps, expected true or false"),
        ("shape", "oval", "cake: shape is oval, expected one of round, square, such as shape=round"),
    ],
)
def test_what_it_cannot_be_is_refused_as_an_error_of_the_asker(name: str, value: object, message: str) -> None:
    with pytest.raises(BasisError) as raised, raising(BasisError):
        BY_NAME[name].checked(value, "cake")
    assert str(raised.value) == message


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(TaskvecError) as raised, raising(BasisError):
        raise TaskvecError("something else")
    assert type(raised.value) is TaskvecError


def test_a_class_of_options_says_what_each_field_does() -> None:
    assert Baking.__doc__ is not None
    assert Baking.__doc__.startswith(
        "Options of a cake.\n\nAttributes:\n    minutes: how long it bakes.\n    heat: degrees.\n"
    )


@pytest.mark.parametrize("method", [*METHODS.values(), *BASIS_METHODS.values()], ids=lambda method: method.name)
def test_every_option_of_every_method_is_declared_and_explained(method: object) -> None:
    assert [one.name for one in method.parameters if not one.doc] == []
    said = "\n".join(str(options.__doc__) for options in method.options.__mro__)
    assert [one.name for one in method.parameters if f"{one.name}: {one.doc}." not in said] == []
