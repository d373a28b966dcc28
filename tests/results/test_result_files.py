"""A result file says everything or is refused: in one line that names the file and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from example_results import curves, hostile_result, matrix, result, table
from taskvec.errors import ResultError
from taskvec.results import Column, Measured, Result, Series, this_machine, versions_of
from taskvec.results.result import MOST_BYTES


@pytest.mark.parametrize("kept", [result(), hostile_result()], ids=["plain", "hostile"])
def test_a_result_is_read_as_it_was_written(kept: Result, tmp_path: Path) -> None:
    assert Result.load(kept.save(tmp_path / "result.json")) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def changed(**changes: Any) -> dict[str, Any]:
    return result().model_dump(mode="json") | changes


REFUSED = {
    "unknown field": (changed(verdict="good"), "verdict"),
    "another version": (changed(version=2), "version"),
    "another format": (changed(format="a recipe"), "format"),
    "no seeds": ({k: v for k, v in changed().items() if k != "seeds"}, "seeds"),
    "a seed that is text": (changed(seeds=["0"]), "seeds.0"),
    "a date without a zone": (changed(date="2026-11-22T12:30:00"), "date"),
    "a name that is no slug": (changed(name="../result"), "name"),
    "an empty title": (changed(title=""), "title"),
    "a number in a text column": (
        changed(tables=[{"title": "t", "columns": [{"name": "a"}], "rows": [[1]]}]),
        "tables.0",
    ),
    "a ragged row": (changed(tables=[{"title": "t", "columns": [{"name": "a"}], "rows": [["x", "y"]]}]), "tables.0"),
    "a list": ([1], "expected an object"),
}


@pytest.mark.parametrize(("document", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_result_is_refused(document: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ResultError) as caught:
        Result.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ['{"name": NaN}', '{"a": 1, "a": 2}', "not json", '{"a": ', "\xff"])
def test_what_parsers_disagree_about_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ResultError, match=r"wrong\.json: is no result file"):
        Result.load(path)


def test_a_missing_file_and_a_huge_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"none\.json: cannot be read"):
        Result.load(tmp_path / "none.json")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ResultError, match="more than a result has"):
        Result.load(huge)


def test_a_spread_says_what_it_is() -> None:
    for make in (table, curves):
        with pytest.raises(ValidationError, match="say in its field spread"):
            make(spread="")
    with pytest.raises(ValidationError, match="say in its field spread"):
        matrix(spreads=((0.1,) * 3,) * 3)


def test_names_that_would_be_mixed_up_are_refused() -> None:
    with pytest.raises(ValidationError, match="names of their own"):
        table(columns=(Column(name="task"), Column(name="task"), Column(name="task")))
    with pytest.raises(ValidationError, match="names of their own"):
        curves(series=(Series(name="a", x=(1.0,), y=(1.0,)),) * 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ValidationError):
        Measured(value=value)
    with pytest.raises(ValidationError):
        Series(name="a", x=(0.0,), y=(value,))


def test_a_logarithmic_axis_has_numbers_above_zero() -> None:
    whole = curves()
    with pytest.raises(ValidationError, match="above 0"):
        curves(x=whole.x.model_copy(update={"is_log": True}), series=(Series(name="a", x=(0.0, 1.0), y=(1.0, 1.0)),))


def test_the_circumstances_are_those_of_now() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_bytes > 1 << 20
    found = versions_of(["numpy", "no-such-distribution"])
    assert set(found) == {"python", "taskvec", "numpy"}
