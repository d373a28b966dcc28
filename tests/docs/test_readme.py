"""The README's Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((32, 16)).astype(np.float32)
    for name in ("base", "math", "code", "law"):
        (tmp_path / name).mkdir()
        change = 0.0 if name == "base" else 0.1 * rng.standard_normal(base.shape) + 0.1
        save_file({"weight": (base + change).astype(np.float32)}, tmp_path / name / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_of_readme_runs(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(README), "exec"), {})  # noqa: S102  # our own README
    names = ("base", "math", "code", "edited")
    weights = {name: load_file(models / name / "model.safetensors")["weight"] for name in names}
    expected = weights["base"] + 0.4 * (weights["math"] - weights["base"]) - 0.2 * (weights["code"] - weights["base"])
    np.testing.assert_allclose(weights["edited"], expected, rtol=0, atol=1e-6)
    assert (models / "merged" / "model.safetensors").is_file()
    assert len(capsys.readouterr().out.splitlines()) == 2
