"""Every question, asked of toy models: an answer, a picture and a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.questions import QUESTIONS
from benchmarks.results import load
from benchmarks.setting import taskvec


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered(name: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    assert main([name, "--toy", "--write", "--cache", str(cache), "--results", str(results)]) == 0
    answered = load(results, name)
    assert answered is not None
    assert all(run.seconds > 0 for runs in answered.answer.runs.values() for run in runs)
    assert all(table.rows for table in answered.answer.tables)
    assert (results / f"{name}.svg").read_text(encoding="utf-8").startswith("<svg")
    assert answered.title in capsys.readouterr().out
    assert f"## {answered.title}" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert not list((cache / "toy").glob("scratch-*"))


def test_an_unknown_question_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["how_deep"])
    assert exit_.value.code == 2
    assert "how_close_to_the_disk" in capsys.readouterr().err


def test_the_command_that_is_measured_is_the_one_of_this_environment() -> None:
    assert taskvec().exists()
