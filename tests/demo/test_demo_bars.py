"""The picture of the demo has a bar for each task and model, and says the means."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("transformers")

from demo.result import Findings, Merge, TaskFacts
from demo.scaling import Search

from demo import bars


def findings() -> Findings:
    names = ("first", "second")
    facts = {name: TaskFacts(name, 2, 100, 100, 100) for name in names}
    rows = [dict(zip(names, values, strict=True)) for values in ((0.2, 0.3), (0.5, 0.6), (0.9, 0.94), (0.7, 0.8))]
    merge = Merge("base + 0.25*(first + second)", Search(0.25, {}), rows[3])
    return Findings(facts, *rows[:3], merge, merge, {}, {"num_atoms": 1}, 0.0, {}, {})


def test_every_task_and_model_has_a_bar_and_the_means_are_said() -> None:
    svg = bars.chart(findings()).svg()
    assert svg.count('aria-roledescription="bar"') == 3 * 5
    words = ("first", "second", "mean", "raw pixels", "base + λ · sum of all 2 vectors", "the same from 1 atoms")
    for word in (*words, "test accuracy, %", "25", "55", "92", "75"):
        assert f">{word}</text>" in svg
    assert findings().verdict() in svg.replace("&lt;", "<")


def test_the_bars_are_a_picture(tmp_path: Path) -> None:
    bars.draw(findings(), tmp_path / "accuracy.png")
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
