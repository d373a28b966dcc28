"""The worked example of the page about bases runs as it stands, and the page keeps up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from taskvec.linalg.encoders import METHODS

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "bases.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    base, common = (rng.standard_normal((32, 16)).astype(np.float32) for _ in range(2))
    for name in ("base", "math", "code", "law", "chess", "latin"):
        (tmp_path / name).mkdir()
        change = 0.0 if name == "base" else 0.1 * (common + rng.standard_normal(base.shape))
        save_file({"weight": (base + change).astype(np.float32)}, tmp_path / name / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102  # our own page
    all_tasks, of_law, expression, latin, imported = capsys.readouterr().out.splitlines()
    relative, optimum = map(float, all_tasks.split())
    assert optimum <= relative * (1 + 1e-9) < 1
    assert float(of_law.split()[0]) < 1
    assert float(latin.split()[0]) > relative
    assert "refit the basis" in latin
    assert float(imported) > 0
    weights = {name: load_file(f"{name}/model.safetensors")["weight"].astype(np.float64) for name in ("math", "code")}
    truth = 0.5 * (weights["math"] - base) - 0.2 * (weights["code"] - base)
    found = load_file("edited/model.safetensors")["weight"].astype(np.float64) - base
    error = np.linalg.norm(found - truth) / np.linalg.norm(truth)
    assert float(expression) == pytest.approx(error, rel=1e-3)


def test_every_method_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}`" in page for name in METHODS)
