"""Pictures of coefficients, of errors by group and of shared energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskvec.reports import Chart, coefficients_chart, group_errors_chart, shared_chart


def pixels(chart: Chart, folder: Path) -> np.ndarray:
    with Image.open(chart.save(folder / "figure.png")) as image:
        return np.asarray(image.convert("RGB")) / 255.0


def test_signs_have_their_colours(tmp_path: Path) -> None:
    image = pixels(coefficients_chart(["a", "b"], np.array([[1.0, -1.0]])), tmp_path)
    redness = image[..., 0] - image[..., 2]
    assert (redness > 0.2).mean() > 0.02
    assert (redness < -0.2).mean() > 0.02


def test_larger_errors_are_darker(tmp_path: Path) -> None:
    darkness = []
    for error in (0.05, 0.95):
        chart = group_errors_chart(["g", "h", "i"], ["a", "b"], np.full((3, 2), error))
        darkness.append(pixels(chart, tmp_path).mean())
    assert darkness[1] < darkness[0] - 0.02


def test_hundreds_of_rows_and_unknown_values_are_drawn() -> None:
    errors = np.random.default_rng(0).random((300, 6))
    errors[5] = np.nan
    text = group_errors_chart([f"layer.{i}" for i in range(300)], list("abcdef"), errors).svg()
    assert "relative error" in text
    assert "layer.5<" not in text


def test_each_says_what_its_colours_are() -> None:
    square = np.full((2, 2), 0.25)
    assert ">coefficient<" in coefficients_chart(["a", "b"], square).svg()
    text = shared_chart(["layer.0", "layer.1"], ["a", "b"], square, "A share").svg()
    for word in (">shared energy<", ">A share<", ">25%<", ">layer.0<", ">a<"):
        assert word in text


def test_every_column_has_its_name() -> None:
    names = [f"task_{k:02}" for k in range(80)]
    text = group_errors_chart(["g"], names, np.full((1, 80), 0.5)).svg()
    assert [name for name in names if f">{name}<" not in text] == []


def test_values_without_names_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 × 2 values, found shape"):
        coefficients_chart(["a"], np.ones((2, 3)))
    for layers, values in (([], np.zeros((0, 1))), (["a"], np.zeros((2, 1)))):
        with pytest.raises(ValueError, match=r"expected \d × 1 values"):
            shared_chart(layers, ["math"], values)
