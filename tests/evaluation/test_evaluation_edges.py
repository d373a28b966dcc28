"""Numbers about models at the edges: nothing to measure, exactly on a bound, one and many."""

from __future__ import annotations

import math

import pytest
import torch
from evaluated_models import near

from taskvec.errors import EvaluationError
from taskvec.evaluation import SimpleTask, Validation
from taskvec.evaluation.addition import scaling_curves
from taskvec.evaluation.language_modelling import Decoding
from taskvec.evaluation.language_modelling.padding import padded
from taskvec.evaluation.scaling import ScalingChoice
from taskvec.evaluation.tasks import relative


@pytest.mark.parametrize(
    ("value", "reference", "higher_is_better", "kept"),
    [(0.5, 2.0, True, 0.25), (0.5, 2.0, False, 4.0), (0.0, 2.0, True, 0.0), (2.0, 0.0, False, 0.0)],
)
def test_what_is_kept_of_a_reference(value: float, reference: float, higher_is_better: bool, kept: float) -> None:
    assert relative(value, reference, higher_is_better=higher_is_better) == pytest.approx(kept)


def test_nothing_keeps_no_number_of_nothing() -> None:
    assert math.isnan(relative(1.0, 0.0, higher_is_better=True))
    assert math.isnan(relative(0.0, 1.0, higher_is_better=False))


def test_a_validation_has_tasks_and_a_reference_for_each_or_none() -> None:
    with pytest.raises(EvaluationError, match="expected tasks with names of their own"):
        Validation.of([])
    assert Validation.of([near("a", 0.0)], {}).references == {}
    with pytest.raises(EvaluationError, match=r"no reference for \['a', 'c'\]"):
        Validation.of([near(name, 0.0) for name in "abc"], {"b": 1.0, "other": 2.0})


def test_a_score_is_the_mean_of_what_tasks_gain() -> None:
    def task(name: str, value: float, higher: bool) -> SimpleTask:
        return SimpleTask(name, lambda _: {"accuracy": value}, lambda _: {}, higher_is_better=higher)

    tasks = [task("a", 4.0, True), task("b", 2.0, False)]
    model = torch.nn.Linear(1, 1)
    assert Validation.of(tasks).score(model) == pytest.approx((4 - 2) / 2)
    assert Validation.of(tasks, {"a": 8.0, "b": 1.0}).score(model) == pytest.approx((4 / 8 + 1 / 2) / 2)


def test_one_search_is_marked_and_coefficients_above_zero_are_drawn_by_their_logarithms() -> None:
    one = ScalingChoice(2.0, 5.0, ((1.0, 4.0), (2.0, 5.0)))
    with_zero = ScalingChoice(0.0, 5.0, ((0.0, 5.0), (2.0, 4.0)))
    drawn = scaling_curves({"one": one})
    assert [mark.x for mark in drawn.marks] == [2.0]
    assert drawn.x.is_log
    both = scaling_curves({"one": one, "zero": with_zero})
    assert (both.marks, both.x.is_log) == ((), False)
    assert [(line.name, line.x, line.y) for line in both.series] == [
        ("one", (1.0, 2.0), (4.0, 5.0)),
        ("zero", (0.0, 2.0), (5.0, 4.0)),
    ]


def test_the_least_that_can_be_decoded() -> None:
    assert Decoding(new_tokens=1, batch=1, temperature=0).new_tokens == 1
    for wrong in ({"new_tokens": 0}, {"batch": 0}, {"temperature": -1e-9}):
        with pytest.raises(EvaluationError, match="decoding needs one new token"):
            Decoding(**wrong)


def test_padding_goes_to_its_side() -> None:
    rows = [[5, 6, 7], [8]]
    right, left = padded(rows, "right"), padded(rows, "left")
    assert (right.ids.tolist(), right.mask.tolist()) == ([[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]])
    assert (left.ids.tolist(), left.mask.tolist()) == ([[5, 6, 7], [0, 0, 8]], [[1, 1, 1], [0, 0, 1]])
    with pytest.raises(EvaluationError, match="a text has no tokens"):
        padded([[1], []], "left")
