"""What a method cannot take: refused by name, with what was meant, before any weight is read."""

from __future__ import annotations

import pytest

from example_edits import edit_of_checkpoints
from taskvec import TaskVector
from taskvec.errors import CompositionError, ExpressionError
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS
from taskvec.testing.families import SavedFamily

REFUSALS = [
    ("ties", "ab", {"densty": 0.2}, r"ties takes no option 'densty' \(did you mean 'density'\?\): it takes .*density"),
    ("task_arithmetic", "ab", {"gamma": 0.2}, "task_arithmetic takes no option 'gamma'"),
    ("ties", "ab", {"density": 1.5}, "density is 1.5, expected above 0 and at most 1, such as density=0.2"),
    ("ties", "ab", {"density": "half"}, "density is half, expected a number"),
    ("ties", "ab", {"density": float("nan")}, "density is nan, expected above 0"),
    ("ties", "ab", {"weight": [1.0, 2.0, 3.0]}, "weight has 3 numbers for 2 task vectors: give one for each"),
    ("ties", "ab", {"normalize": 2}, "normalize is 2, expected true or false"),
    ("ties", "ab", {"trim": "row"}, "trim is row, expected one of tensor, model"),
    ("ties", "ab", {"lambda": 1.0, "scaling": 1.0}, "scaling is given twice"),
    ("ties", "ab", {"semantics": "mergkit"}, "semantics is mergkit, expected one of paper, mergekit"),
    ("ties", "ab", {"semantics": "mergekit"}, "needs weight"),
    ("awd", "ab", {"semantics": "mergekit"}, "awd takes no option 'semantics': it takes scaling"),
    ("slerp", "a", {}, "slerp: expected two task vectors, found 1: write it as slerp"),
    ("slerp", "abc", {}, "slerp: expected two task vectors, found 3"),
    ("model_stock", "a", {}, "expected at least two task vectors, found 1"),
    ("passthrough", "ab", {}, "expected one task vector, found 2"),
    ("nearswap", "a", {}, "needs t"),
    ("fednova", "ab", {"steps": [10, 0]}, "steps is 0, expected above 0"),
    ("della", "ab", {"density": 0.1, "epsilon": 0.4}, "epsilon spreads the chances beyond 0 … 1 around density=0.1"),
    ("emr", "ab", {"task": "c"}, "task is c, expected one of a, b"),
    ("consensus", "ab", {"k": 1.5}, "k is 1.5, expected a whole number"),
    ("geometric_median", "ab", {"weight": [1.0, -1.0]}, "weight has to be at least 0"),
    ("dare_ties", "ab", {"density": lambda _: 3.0}, "dare_ties of tensor embed.weight: density is 3"),
]


@pytest.mark.parametrize(("method", "names", "options", "message"), REFUSALS)
def test_it_is_refused_before_any_weight_is_read(
    method: str, names: str, options: dict[str, object], message: str, saved: SavedFamily
) -> None:
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in names}
    with pytest.raises(CompositionError, match=message) as raised:
        Merge(method, vectors, options)
    assert "\n" not in str(raised.value)


def test_a_method_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(CompositionError, match=r"unknown method 'dare_lineer' \(did you mean 'dare_linear'\?\)"):
        METHODS.find("dare_lineer")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("base + ties(a, b, density=[0.2])", "column 8: ties: density has 1 numbers for 2 task vectors"),
        ("base + ties(a, base)", "ties takes task vectors alone: no numbers, and no base"),
        ("base + slerp(a, 2*base + b)", "slerp takes one base at most"),
        ("base + tis(a, b)", r"unknown function 'tis'; did you mean 'ties'"),
        ("base + ties(a, b, density=[0.2, x])", "expected a number, found 'x'"),
        ("base + ties(a, b, density=[0.2 0.3])", r"expected ',' or '\]' in a list of numbers"),
    ],
)
def test_expressions_point_at_it(expression: str, message: str, saved: SavedFamily) -> None:
    with pytest.raises(ExpressionError, match=message):
        edit_of_checkpoints(saved.base, saved.finetuned, expression)


def test_every_method_has_words_for_its_page() -> None:
    for method in METHODS.values():
        assert all((method.summary, method.formula, method.paper, method.when)), method.name
        assert all(parameter.doc for parameter in method.parameters), method.name
        assert method.when.endswith("."), method.name
