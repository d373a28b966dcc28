"""The closing sentence says where the merged checkpoint does not beat the base, and what is only noise."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("transformers")

from demo.result import Findings, Merge, TaskFacts
from demo.scaling import Search


def result(*edited: float) -> Findings:
    names = ("first", "second")
    merge = Merge("base + 0.25*(first + second)", Search(0.25, {}), dict(zip(names, edited, strict=True)))
    base = dict.fromkeys(names, 0.5)
    facts = {name: TaskFacts(name, 2, 100, 100, 100) for name in names}
    return Findings(facts, base, base, base, merge, merge, {}, {"num_atoms": 1}, 0.0, {}, {})


def test_a_success_is_told_plainly() -> None:
    assert "mean +20.0 points, better on 2 of 2 tasks (0 within noise)." in result(0.7, 0.7).verdict()


def test_a_failure_is_named() -> None:
    assert result(0.9, 0.4).verdict().endswith("better on 1 of 2 tasks (0 within noise); NOT better on second.")


def test_a_gain_within_noise_is_named() -> None:
    assert result(0.9, 0.52).noise().endswith("a task 5.0 or less. Gains within one: second.")
