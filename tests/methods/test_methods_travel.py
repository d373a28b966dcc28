"""Every merge travels: a pass that reads it gives the same bits once it was pickled, with what had been measured."""

from __future__ import annotations

import pickle  # noqa: S403
from pathlib import Path

import pytest
from merge_cases import CASES, Case

from taskvec import Edited, OutputOptions, RunOptions, TaskVector
from taskvec.merging.merge import Merge
from taskvec.methods import METHODS
from taskvec.streaming.executors import EXECUTORS
from taskvec.testing.families import SavedFamily
from taskvec.testing.travelling import TravellingExecutor


def _merge(case: Case, saved: SavedFamily, options: RunOptions) -> Merge:
    names = list(saved.finetuned)[: case.tasks]
    vectors = {name: TaskVector(saved.base, saved.finetuned[name]) for name in names}
    return Merge(case.method, vectors, case.options, options=options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_merge_that_was_sent_is_the_same(
    case: Case, saved: SavedFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    travelling = TravellingExecutor()
    monkeypatch.setitem(EXECUTORS._records, travelling.name, travelling)
    options = RunOptions(memory=4 << 30, executor=travelling.name)
    vector = _merge(case, saved, options).vector
    Edited(vector, vector.base).save(tmp_path / "out", OutputOptions(), options)
    assert travelling.tasks


@pytest.mark.parametrize("method", METHODS)
def test_a_method_travels_as_its_name(method: str) -> None:
    sent = pickle.dumps(METHODS[method])
    assert pickle.loads(sent) is METHODS[method]  # noqa: S301
    assert len(sent) < 200


def by_half(tensor: str) -> float:
    return 0.5 if len(tensor) % 2 else 0.25


def test_options_that_are_functions_travel_where_these_can_be_found(saved: SavedFamily) -> None:
    case = Case("ties", {"density": by_half}, tasks=2)
    merge = _merge(case, saved, RunOptions())
    name = next(iter(merge.inputs.alignment.combinable)).name
    sent = pickle.loads(pickle.dumps(merge.vector))  # noqa: S301
    assert sent.apply_to().read(name).tobytes() == merge.vector.apply_to().read(name).tobytes()


def test_what_was_promised_travels_as_what_it_is(saved: SavedFamily) -> None:
    merge = _merge(Case("model_stock"), saved, RunOptions())
    assert any(repr(coefficient).startswith("model_stock") for coefficient in merge.vector.terms.values())
    sent = pickle.loads(pickle.dumps(merge.vector))  # noqa: S301
    first = next(iter(merge.inputs.alignment.combinable)).name
    assert [one.at(first) for one in sent.terms.values()] == [one.at(first) for one in merge.vector.terms.values()]
    assert not any(repr(coefficient).startswith("model_stock") for coefficient in sent.terms.values())
