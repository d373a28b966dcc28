"""What a method says that it needs follows from its rule, and is what a merge then does."""

from __future__ import annotations

import pickle  # noqa: S403  # our own
from dataclasses import replace

import numpy as np
import pytest
from merge_cases import CASES, Case, needs

import taskvec.methods
from taskvec import RunOptions, TaskVector
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS, Method, Needs
from taskvec.methods.part import Part
from taskvec.methods.rule import Formula
from taskvec.testing.families import SavedFamily, make_family


def added_up(part: Part, options: object) -> np.ndarray:
    return part.rows.sum(axis=0)


TOTAL = Formula(added_up)


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> SavedFamily:
    """Models of floating point alone: whole numbers are compared in a pass of their own."""
    layout = {"wide": np.empty((3, 8), np.float32), "bias": np.empty(5, np.float32)}
    return make_family("abcd", seed=3, layout=layout).save(tmp_path_factory.mktemp("floats"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_merge_measures_before_it_writes_where_its_method_says_so(case: Case, floats: SavedFamily) -> None:
    vectors = {name: TaskVector(floats.base, floats.finetuned[name]) for name in "abcd"[: case.tasks]}
    planned = Merge(case.method, vectors, case.options).plan(RunOptions(memory=4 << 30))
    assert bool(planned) == (needs(case) in {Needs.TENSOR, Needs.MODEL})


@pytest.mark.parametrize(
    ("method", "given", "wanted"),
    [
        ("ties", {}, Needs.TENSOR),
        ("ties", {"trim": "model"}, Needs.MODEL),
        ("emr", {}, Needs.NOTHING),
        ("emr", {"task": "a"}, Needs.MODEL),
        ("dare_linear", {}, Needs.NOTHING),
        ("dare_linear", {"semantics": "mergekit"}, Needs.TENSOR),
        ("cclip", {}, Needs.MODEL),
        ("geometric_median", {"scope": "tensor"}, Needs.TENSOR),
        ("nuslerp", {"nuslerp_flatten": False}, Needs.MATRICES),
        ("fednova", {}, Needs.NOTHING),
        ("tsv", {}, Needs.MATRICES),
    ],
)
def test_what_is_needed_is_what_the_options_ask_for(method: str, given: dict[str, object], wanted: Needs) -> None:
    assert METHODS[method].needs_with(**given) is wanted


def test_every_name_that_is_exported_is_there() -> None:
    assert set(METHODS) < set(taskvec.methods.__all__) == set(dir(taskvec.methods))
    assert all(getattr(taskvec.methods, name) is not None for name in taskvec.methods.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'tise'"):
        taskvec.methods.tise  # noqa: B018
    with pytest.raises(ImportError):
        from taskvec.methods import tise  # noqa: F401


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_a_method_travels_by_name(method: Method) -> None:
    sent = pickle.dumps(method)
    assert len(sent) < 100
    assert pickle.loads(sent) is method  # noqa: S301  # our own


def test_a_method_of_somebody_elses_travels_as_it_is() -> None:
    own = replace(METHODS["magmax"], summary="mine")
    found = pickle.loads(pickle.dumps(replace(own, rule=TOTAL)))  # noqa: S301  # our own
    assert (found.name, found.summary) == ("magmax", "mine")
    np.testing.assert_array_equal(found([[1.0, 2.0], [3.0, 4.0]]), [4.0, 6.0])


def test_a_method_has_an_option_for_mergekits_definition_where_mergekit_has_the_method() -> None:
    for method in METHODS.values():
        assert (method.mergekit is not None) == ("semantics" in {one.name for one in method.parameters}), method.name
        if method.mergekit is None:
            assert {one.default_for("mergekit") for one in method.parameters} == {
                one.default for one in method.parameters
            }, method.name


def test_every_required_option_has_an_example() -> None:
    required = [one for method in METHODS.values() for one in method.required]
    assert [one.name for one in required if one.example is None] == []
    assert METHODS["fednova"].example == "fednova(math, code, steps=[100, 200])"
    assert METHODS["nearswap"].example == "nearswap(math, t=0.001)"
