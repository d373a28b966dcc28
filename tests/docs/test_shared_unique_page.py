"""The worked example of the page about shared and unique components runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from taskvec.linalg.subspaces.subspaces import METHODS

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "shared_unique.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((64, 48)).astype(np.float32)
    common, *own = (rng.standard_normal((64, 4)) @ rng.standard_normal((4, 48)) for _ in range(4))
    changes = dict(zip(("math", "code", "law"), own, strict=True))
    deltas = {"base": 0 * common, **{name: common + change for name, change in changes.items()}}
    deltas["unknown"] = deltas["code"] + 0.1 * rng.standard_normal(base.shape)
    for name, delta in deltas.items():
        (tmp_path / name).mkdir()
        save_file({"weight": (base + 0.1 * delta).astype(np.float32)}, tmp_path / name / "model.safetensors")
    monkeypatch.chdir(tmp_path)

    def validate(model: Path) -> float:
        return -float(np.linalg.norm(load_file(model / "model.safetensors")["weight"] - base - 0.05 * common))

    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {"validate": validate})  # noqa: S102  # our own page
    dimensions, share, *cosines, whose = capsys.readouterr().out.splitlines()
    assert dimensions == "4 ()"
    assert 0.2 < float(share) < 0.8
    assert len(cosines) == 2
    assert whose.startswith("code ")
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def test_every_subspace_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}`" in page for name in METHODS)
