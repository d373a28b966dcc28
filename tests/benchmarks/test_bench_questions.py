"""Every question, asked of toy models: an answer, a picture and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmarks.__main__ import main
from benchmarks.machine import others_share
from benchmarks.questions import QUESTIONS
from benchmarks.results import load
from benchmarks.setting import taskvec
from forked_commands import launch

from benchmarks import asking, measuring
from forked_processes import Ended, in_forked_process

OF_ITS_OWN = ("startup", "against_mergekit")
"""Questions whose commands are processes of their own; what others measure of a toy is forked, which is quicker."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def forked(command: Sequence[str | Path], *, env: Mapping[str, str], **how: object) -> Ended:
    """Stand in for running the launcher."""
    words = [str(word) for word in command[command.index(measuring.LAUNCHER) + 1 :]]
    return in_forked_process(launch, words, dict(env))


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered(
    name: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in OF_ITS_OWN:
        monkeypatch.setattr(measuring, "subprocess", SimpleNamespace(run=forked))
    monkeypatch.setattr(asking, "others_share", lambda: others_share(0.05))
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
