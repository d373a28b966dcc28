"""Pages from the command line: what scripts rely on, and refusals before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import TASKS, Command, Models

from example_results import hostile_result, result


def test_report(tmp_path: Path, done: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result().save("one.json")
    hostile_result().save("two.json")
    made = done("report", "one.json", "two.json", "-o", "page.html", "--json").json
    assert made.keys() == {"out", "results", "bytes"}
    assert [row["title"] for row in made["results"]] == [result().title, hostile_result().title]
    assert Path("page.html").stat().st_size == made["bytes"]
    assert result().answer in done("report", "one.json", "-o", "page.html").stdout


def test_store_report(models: Models, store: str, done: Command) -> None:
    made = done("store", "report", store, "-o", "page.html", "--json").json
    assert made.keys() == {"out", "tasks", "bytes"}
    assert made["tasks"] == list(TASKS)
    page = Path("page.html").read_text(encoding="utf-8")
    assert len(page.encode()) == made["bytes"]
    assert all(task in page for task in TASKS)


def test_store_report_of_some_tasks(models: Models, store: str, done: Command) -> None:
    made = done("store", "report", store, "-o", "page.html", "--tasks", "law,code", "--json").json
    assert made["tasks"] == ["law", "code"]
    assert "toxic" not in Path("page.html").read_text(encoding="utf-8")


def test_a_dry_run_writes_nothing(models: Models, store: str, done: Command) -> None:
    assert done("store", "report", store, "-o", "page.html", "--dry-run", "--json").json.keys() == {"plan"}
    assert not Path("page.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "none.json", "-o", "page.html"), "none.json: cannot be read"),
        (("report", "base/config.json", "-o", "page.html"), "base/config.json: is no result of version 1"),
        (("report", "none.json", "-o", "page.pdf"), "page.pdf: a page is an HTML file"),
        (("store", "report", "store", "-o", "none/page.html"), "the directory none does not exist"),
        (("store", "report", "store", "-o", "page.html", "--tasks", "chess"), "there is no task vector 'chess'"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], said: str, models: Models, store: str, run: Command) -> None:
    answer = run(*words)
    assert answer.status == 1
    assert answer.stderr.startswith("error: ")
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not Path("page.html").exists()
