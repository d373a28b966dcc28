"""The pages about fine-tuning and evaluation: their examples run, one after the other, and show what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from taskvec import evaluation, training

DOCS = Path(__file__).parents[2] / "docs"


def example(page: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("docs"))
        exec(compile(example("training.md"), "training.md", "exec"), names)  # noqa: S102
        names["model"] = names["network"]()
        exec(compile(example("evaluation.md"), "evaluation.md", "exec"), names)  # noqa: S102
    return names


def test_the_head_did_not_move_and_both_tasks_are_learned(ran: dict[str, Any]) -> None:
    assert "2.weight" in ran["network"]().state_dict()
    assert float(abs(evaluation.read_direction(ran["store"], "sign_0")["2.weight"]).max()) == pytest.approx(0)
    assert min(ran["both"].values.values()) > 0.6


def test_negation_forgets_its_target(ran: dict[str, Any]) -> None:
    less = ran["less"]
    assert less.tested["sign_0"]["accuracy"] <= less.tested_base["sign_0"]["accuracy"]
    assert less.chosen.control >= 0.95


def test_the_model_is_at_the_base_again(ran: dict[str, Any]) -> None:
    base = ran["network"]().state_dict()
    assert all(value.equal(base[name]) for name, value in ran["model"].state_dict().items())


@pytest.mark.parametrize(("page", "module"), [("training.md", training), ("evaluation.md", evaluation)])
def test_every_callable_of_a_page_s_import_exists(page: str, module: Any) -> None:
    (names,) = re.findall(rf"from {module.__name__} import (.*)", example(page))
    assert set(names.split(", ")) <= set(module.__all__)
