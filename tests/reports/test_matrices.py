"""Pictures of coefficients and of errors by group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskvec.reports import coefficient_heatmap, group_error_map

pytest.importorskip("matplotlib")


def pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)[..., :3]


def test_signs_have_their_colours(tmp_path: Path) -> None:
    coefficient_heatmap(["a", "b"], np.array([[1.0, -1.0]]), tmp_path / "w.png")
    image = pixels(tmp_path / "w.png")
    redness = image[..., 0] - image[..., 2]
    assert (redness > 0.2).mean() > 0.02
    assert (redness < -0.2).mean() > 0.02


def test_larger_errors_are_darker(tmp_path: Path) -> None:
    darkness = []
    for error in (0.05, 0.95):
        group_error_map(["g"] * 3, ["a", "b"], np.full((3, 2), error), tmp_path / "e.png")
        darkness.append(pixels(tmp_path / "e.png").mean())
    assert darkness[1] < darkness[0] - 0.02


def test_hundreds_of_rows_and_unknown_values_are_drawn(tmp_path: Path) -> None:
    errors = np.random.default_rng(0).random((300, 6))
    errors[5] = np.nan
    group_error_map([f"layer.{i}" for i in range(300)], list("abcdef"), errors, tmp_path / "e.svg")
    text = (tmp_path / "e.svg").read_text(encoding="utf-8")
    assert "relative error" in text
    assert "layer.5<" not in text


def test_values_without_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 1 × 2 values, found shape"):
        coefficient_heatmap(["a"], np.ones((2, 3)), tmp_path / "w.png")
    assert not (tmp_path / "w.png").exists()
