"""The page about the command line says what the commands say."""

from __future__ import annotations

import pytest
from command_reference import PAGE, commands, reference

from taskvec.linalg.encoders import BASIS_METHODS
from taskvec.vectors.alignment import Rule

CONTRACT = {
    "taskvec store init",
    "taskvec store add",
    "taskvec store list",
    "taskvec store show",
    "taskvec store verify",
    "taskvec store remove",
    "taskvec similarity",
    "taskvec compress",
    "taskvec decompose",
    "taskvec attribute",
    "taskvec edit",
    "taskvec store rename",
    "taskvec store gc",
    "taskvec store report",
    "taskvec report",
    "taskvec basis show",
    "taskvec basis add",
    "taskvec basis remove",
    "taskvec basis export",
    "taskvec basis import",
    "taskvec extract-lora",
    "taskvec methods",
    "taskvec publish",
    "taskvec inspect",
    "taskvec merge",
}


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make pages"


def test_every_command_of_the_contract_is_there() -> None:
    assert {" ".join(path) for path, _ in commands()} == CONTRACT


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_and_option_is_on_the_page_and_explained(path: tuple[str, ...], command: object) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"## {' '.join(path)}\n" in page
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert parameter.help in page
        assert all(option in page for option in parameter.opts)


def test_every_rule_is_explained() -> None:
    help_texts = [p.help for _, command in commands() for p in command.params if p.name == "allow"]
    assert len(help_texts) >= 3
    assert all(f" {rule} (" in text for text in help_texts for rule in Rule)


def test_every_method_is_named() -> None:
    (text,) = [p.help for _, command in commands() for p in command.params if p.name == "method"]
    named = text.removeprefix("How the atoms are chosen: ").removesuffix(".").split(", ")
    assert named == list(BASIS_METHODS)
