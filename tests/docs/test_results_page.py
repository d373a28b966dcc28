"""The worked example of the page about results runs as it stands, and the page names every field and chart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taskvec import Result, reports

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102  # our own page
    assert capsys.readouterr().out == "True\n"
    assert {path.name for path in tmp_path.iterdir()} == {"digits.json", "digits.html", "curve.svg"}


def test_every_field_and_chart_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    fields = set(Result.model_fields) - {"format", "version"}
    charts = {name for name in reports.__all__ if name.endswith(("_chart", "_map"))}
    assert [name for name in sorted(fields | charts) if f"`{name}`" not in page] == []
