"""λ comes from validation data alone; experiments test once, at what validation chose."""

from __future__ import annotations

import dataclasses
import math
from itertools import starmap

import pytest
import torch
from evaluated_models import Point, near

from taskvec.errors import EvaluationError
from taskvec.evaluation import (
    EvalTask,
    Golden,
    Grid,
    InPlace,
    Metrics,
    Negation,
    SimpleTask,
    Validation,
    addition,
    addition_table,
    analogy,
    choose_scaling,
    negation,
    negation_curves,
)
from taskvec.evaluation.negation import NegationPoint


def moved() -> InPlace:
    """A module whose mean moves by one along `up`, half along `side`, and by one against `back`."""
    model = Point()
    with torch.no_grad():
        model.first.zero_()
    ones = torch.ones(4, 3)
    return InPlace(model, {"up": {"first": ones}, "side": {"first": 0.5 * ones}, "back": {"first": -ones}})


def test_a_validation_has_no_attribute_that_leads_to_test_data() -> None:
    def forbidden(_: torch.nn.Module) -> Metrics:
        raise AssertionError("the search looked at test data")

    task = dataclasses.replace(near("a", 0.3), test=forbidden)
    validation = Validation.of([task])
    public = {field.name for field in dataclasses.fields(validation)}
    assert public == {"measures", "primary", "higher_is_better", "references"}
    assert all(
        not hasattr(measure, "test") and not hasattr(measure, "__self__") for measure in validation.measures.values()
    )
    model = moved()
    choose_scaling(validation, lambda x: model.with_coefficients({"up": x}))


@pytest.mark.parametrize("search", [Grid(), Grid(low=1.0, high=4.0, num_points=4), Golden(0.0, 2.0, 0.001)])
def test_the_search_finds_the_best_scaling_beyond_its_first_grid(search: Grid | Golden) -> None:
    model = moved()
    found = choose_scaling(Validation.of([near("a", 0.5)]), lambda x: model.with_coefficients({"up": x}), search)
    assert found.scaling == pytest.approx(0.5, rel=0.3)
    assert found.score == max(score for _, score in found.tried)


def test_less_is_better_where_a_task_says_so() -> None:
    validation = Validation.of([near("a", 0.0, loss=True)])
    model = moved()
    scores = [validation.score(model.with_coefficients({"up": x})) for x in (0.0, 0.5, 1.0)]
    assert scores == sorted(scores, reverse=True)
    halved = Validation.of([near("a", 0.0, loss=True)], {"a": 0.25})
    assert halved.score(model.with_coefficients({"up": 0.5})) == pytest.approx(0.5)


def test_tasks_need_names_of_their_own_and_references_all_or_none() -> None:
    with pytest.raises(EvaluationError, match="names of their own"):
        Validation.of([near("a", 0.0), near("a", 1.0)])
    with pytest.raises(EvaluationError, match=r"no reference for \['b'\]"):
        Validation.of([near("a", 0.0), near("b", 1.0)], {"a": 1.0})
    broken = SimpleTask("a", lambda _: {"loss": 1.0}, lambda _: {})
    with pytest.raises(EvaluationError, match="'accuracy' was not measured"):
        Validation.of([broken]).score(torch.nn.Linear(1, 1))


def counted(task: EvalTask) -> tuple[SimpleTask, list[str]]:
    calls: list[str] = []

    def validate(model: torch.nn.Module) -> Metrics:
        calls.append("validate")
        return task.validate(model)

    def test(model: torch.nn.Module) -> Metrics:
        calls.append("test")
        return task.test(model)

    return SimpleTask(task.name, validate, test, task.primary, task.higher_is_better), calls


def test_addition_tests_once_at_what_validation_chose() -> None:
    task, calls = counted(near("a", 0.5))
    found = addition(moved(), {"up": 0.5, "side": 1.0}, [task], references={"a": 50.5})
    assert calls.count("test") == 1
    assert calls[-1] == "test"
    assert found.choice.scaling == pytest.approx(0.5, rel=0.3)
    assert found.values["a"] == pytest.approx(100 + found.choice.score)
    assert found.normalized["a"] == pytest.approx(found.values["a"] / 50.5)
    table = addition_table([found], "Test")
    assert table.rows[0] == ("sum", found.choice.scaling, found.values["a"], found.values["a"])
    assert found.curves().series[0].x == tuple(x for x, _ in found.choice.tried)


@pytest.mark.parametrize(("of", "to", "like", "slope"), [("back", "up", "side", 2.5), ("side", "up", "side", 1.0)])
def test_an_analogy_adds_two_and_takes_one_away(of: str, to: str, like: str, slope: float) -> None:
    model = moved()
    found = analogy(model, of=of, to=to, like=like, task=near("a", 0.5), search=Golden(0.0, 1.0, 1e-4))
    assert found.name == f"{like} + {to} − {of}"
    assert found.choice.scaling == pytest.approx(0.5 / slope, rel=1e-2)
    assert model.model.get_parameter("first").mean().item() == pytest.approx(slope * found.choice.scaling, rel=1e-5)


def test_an_analogy_needs_its_directions() -> None:
    with pytest.raises(EvaluationError, match="no direction"):
        analogy(moved(), of="side", to="up", like="absent", task=near("a", 0.5))


def fading(name: str, fall: float) -> SimpleTask:
    """A metric of 1 at the base that falls by `fall` for every unit against `up`; less test than validation."""

    def at(model: torch.nn.Module) -> float:
        return 1 + fall * model.get_parameter("first").double().mean().item()

    return SimpleTask(name, lambda m: {"accuracy": at(m)}, lambda m: {"accuracy": at(m) - 0.01})


def test_negation_takes_the_largest_scaling_that_keeps_enough() -> None:
    found = negation(moved(), {"up": 1.0}, fading("target", 0.9), [fading("control", 0.1)], scalings=(0.2, 0.4, 0.6))
    assert found.chosen.scaling == pytest.approx(0.4)
    assert found.chosen.control == pytest.approx(0.96)
    assert [point.scaling for point in found.curve] == [0.0, 0.2, 0.4, 0.6]
    assert found.tested["target"]["accuracy"] == pytest.approx(1 - 0.36 - 0.01)
    assert found.tested_base["control"]["accuracy"] == pytest.approx(0.99)
    assert found.at_control(0.95) == pytest.approx(1 - 0.9 * 0.5)
    assert negation_curves([found]).series[0].y == tuple(point.target for point in found.curve)


def test_negation_goes_on_while_enough_is_kept_and_ends() -> None:
    found = negation(moved(), {"up": 1.0}, fading("target", 0.5), [fading("control", 0.01)], scalings=(1.0,))
    assert found.chosen.scaling == pytest.approx(1.5**3)
    assert found.chosen is found.curve[-2]
    endless = negation(moved(), {"up": 1.0}, fading("t", 0.1), [fading("c", 0.0)], scalings=(1.0,), most_points=4)
    assert len(endless.curve) == 4


def test_a_scaling_past_one_that_fails_is_not_chosen() -> None:
    def waves(model: torch.nn.Module) -> Metrics:
        return {"accuracy": 0.5 if math.isclose(model.get_parameter("first").mean().item(), -0.4, rel_tol=1e-5) else 1}

    control = SimpleTask("control", waves, waves)
    found = negation(moved(), {"up": 1.0}, fading("target", 0.9), [control], scalings=(0.2, 0.4, 0.6))
    assert found.chosen.scaling == pytest.approx(0.2)


@pytest.mark.parametrize("scalings", [(), (0.0,), (-0.1, 0.2), (0.2, 0.2), (0.4, 0.2), (0.1, 0.3, 0.2)])
def test_scalings_must_ascend_from_above_zero(scalings: tuple[float, ...]) -> None:
    with pytest.raises(EvaluationError, match="ascending"):
        negation(moved(), {"up": 1.0}, fading("t", 0.1), [fading("c", 0.0)], scalings=scalings)


def test_exactly_enough_of_the_control_is_enough() -> None:
    """At λ = 1 the control keeps one half of 1, exactly; a task's own metric, the target's, has no part in it."""
    found = negation(moved(), {"up": 1.0}, fading("t", 0.25), [fading("c", 0.5)], keep=0.5, scalings=(0.5, 1.0))
    assert [point.scaling for point in found.curve] == [0.0, 0.5, 1.0, 1.5]
    assert found.chosen == NegationPoint(1.0, 0.75, 0.5)
    assert found.curve[0] == NegationPoint(0.0, 1.0, 1.0)


def test_what_is_kept_is_the_mean_over_controls_by_value() -> None:
    found = negation(moved(), {"up": 1.0}, fading("t", 0.5), [fading("c", 0.25), fading("d", 0.75)], scalings=(1.0,))
    assert found.curve == (NegationPoint(0.0, 1.0, 1.0), NegationPoint(1.0, 0.5, 0.5))
    assert found.chosen.scaling == 0
    assert found.tested == found.tested_base
    assert set(found.tested) == {"t", "c", "d"}
    known = {name: {"accuracy": 7.0} for name in "tcd"}
    again = negation(moved(), {"up": 1.0}, fading("t", 0.5), [fading("c", 0.2)], scalings=(1.0,), tested_base=known)
    assert again.tested_base is known


def test_no_more_points_than_asked_for_where_scalings_are_given() -> None:
    found = negation(
        moved(), {"up": 1.0}, fading("t", 0.1), [fading("c", 0.0)], scalings=(1.0, 2.0, 3.0), most_points=4
    )
    assert [point.scaling for point in found.curve] == [0.0, 1.0, 2.0, 3.0]


def test_the_target_where_the_control_is_crossed_is_between_points() -> None:
    curve = tuple(starmap(NegationPoint, [(0, 8.0, 1.0), (1, 6.0, 0.75), (2, 5.0, 0.5), (3, 4.0, 0.5)]))
    found = Negation("n", "t", 0.95, curve, curve[0], {}, {})
    wanted = {1.0: 8.0, 0.875: 7.0, 0.75: 6.0, 0.625: 5.5, 0.5: 4.0, 0.25: 4.0}
    assert {kept: found.at_control(kept) for kept in wanted} == wanted
