"""The page about TIES: its example prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "ties.md"


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (comment,) = re.findall(r"print\(.*\) +# (.*)\n", code)
    exec(compile(code, PAGE.name, "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.strip() == comment
