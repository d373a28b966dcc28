"""Figures: the asked-for format, something on it, and nothing on the disk when they are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from taskvec.errors import MissingExtraError, OutputError
from taskvec.reports import check_figure, cosine_heatmap, error_curve, shared_heatmap

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF-", ".PNG": b"\x89PNG"}
GREY = np.array([0xBD] * 3)


def cosines(count: int) -> NDArray[np.float64]:
    vectors = np.random.default_rng(count).normal(size=(count, 30)) + 0.2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def heatmap(path: Path) -> None:
    cosine_heatmap(["math", "code", "law"], cosines(3), path)


def curve(path: Path) -> None:
    error_curve([1, 2, 3], [0.9, 0.7, 0.5], path, optimal=[0.8, 0.6, 0.4], worst_task=[1.0, 0.9, 0.8], chosen=2)


def pixels(path: Path) -> NDArray[np.int64]:
    return np.rint(imread(path)[:, :, :3] * 255).astype(int)


def share_of(color: NDArray[np.int64], image: NDArray[np.int64]) -> float:
    return float(np.mean(np.all(np.abs(image - color) <= 1, axis=-1)))


def shares(path: Path) -> None:
    shared_heatmap(
        ["layer.0", "layer.1"], ["math", "code", "law"], np.array([[0.1, 0.2, np.nan], [0.3, 0.0, 0.4]]), path
    )


figures = pytest.mark.parametrize("draw", [heatmap, curve, shares])


@figures
@pytest.mark.parametrize("suffix", SIGNATURES)
def test_the_suffix_is_the_format(draw: Callable[[Path], None], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"figure{suffix}"
    draw(path)
    assert path.read_bytes().startswith(SIGNATURES[suffix])
    assert list(tmp_path.iterdir()) == [path]


@figures
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[Path], None], suffix: str, tmp_path: Path) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    draw(one)
    draw(other)
    assert one.read_bytes() == other.read_bytes()


@figures
def test_pictures_are_dark_on_white_and_large_enough_to_print(draw: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    draw(path)
    image = pixels(path)
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image.min() < 60
    assert min(image.shape[:2]) > 400
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("count", [1, 2, 8, 200])
def test_any_number_of_vectors_fits(count: int, tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    cosine_heatmap([f"task_{index}" for index in range(count)], cosines(count), path)
    image = pixels(path)
    assert max(image.shape[:2]) < 2200
    assert share_of(GREY, image) > 0.2 / count**2
    assert share_of(np.array([255, 255, 255]), image) < 0.8


def test_small_cosines_are_not_washed_out_by_the_diagonal(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    cosine_heatmap(["math", "code"], np.array([[1.0, -0.02], [-0.02, 1.0]]), path)
    darkest_blue = np.array([0x05, 0x30, 0x61])
    assert share_of(darkest_blue, pixels(path)) > 0.2


def test_numbers_and_names_stand_in_the_figure_while_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    cosine = np.array([[1.0, -0.126, 0.001], [-0.126, 1.0, np.nan], [-0.001, np.nan, 1.0]])
    cosine_heatmap(["math", "code", "a_name_that_is_much_too_long_to_be_shown"], cosine, path, title="Alike?")
    text = path.read_text(encoding="utf-8")
    for word in ("Alike?", ">math<", ">code<", "a_name_that_…_to_be_shown", ">−0.13<", ">0.00<", ">–<", ">1.00<"):
        assert word in text
    assert "−0.00" not in text
    cosine_heatmap([f"task_{index}" for index in range(20)], cosines(20), path)
    assert ">task_19<" in path.read_text(encoding="utf-8")
    assert ">1.00<" not in path.read_text(encoding="utf-8")
    cosine_heatmap([f"task_{index}" for index in range(100)], cosines(100), path)
    assert "task_" not in path.read_text(encoding="utf-8")


def test_the_curve_begins_at_zero_and_marks_what_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    curve(path)
    text = path.read_text(encoding="utf-8")
    for word in (">0.0<", ">all tasks<", ">worst task<", ">least possible<", ">chosen: 0.7 with M = 2<"):
        assert word in text
    error_curve([4], [0.5], path)
    text = path.read_text(encoding="utf-8")
    assert ">0.0<" in text
    assert ">4<" in text
    assert "worst task" not in text


@figures
@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt", ".png"])
def test_other_suffixes_are_refused_before_anything_is_written(
    draw: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=r"use \.png, \.svg, \.pdf$"):
        draw(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@figures
def test_a_missing_directory_is_refused(draw: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the directory .*nowhere does not exist; create it$"):
        draw(tmp_path / "nowhere" / "figure.png")


@figures
def test_a_figure_that_cannot_be_published_leaves_no_draft(draw: Callable[[Path], None], tmp_path: Path) -> None:
    taken = tmp_path / "figure.png"
    taken.mkdir()
    with pytest.raises(OutputError, match=r"figure\.png: cannot write the figure \(.*\); choose another place$"):
        draw(taken)
    assert list(tmp_path.iterdir()) == [taken]


@figures
def test_a_figure_that_exists_is_replaced(draw: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"an older figure")
    draw(path)
    assert path.read_bytes().startswith(SIGNATURES[".png"])


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"^--plot needs matplotlib; .*'taskvec\[plots\]'$"):
        check_figure(tmp_path / "figure.png")


def test_matplotlib_is_not_imported_before_a_figure_is_drawn() -> None:
    code = "import sys, taskvec.reports; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (9,)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each pair of 3 names"):
        cosine_heatmap(["math", "code", "law"], np.zeros(shape), tmp_path / "figure.png")


def test_lines_of_another_length_and_strange_choices_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    with pytest.raises(ValueError, match=r"found lengths \[1, 2\]"):
        error_curve([1, 2], [0.5], path)
    with pytest.raises(ValueError, match=r"found lengths \[0\]"):
        error_curve([], [], path)
    with pytest.raises(ValueError, match=r"among \[1, 2\], found 3"):
        error_curve([1, 2], [0.5, 0.4], path, chosen=3)
    assert not path.exists()


def test_shares_without_a_task_or_of_another_shape_are_refused(tmp_path: Path) -> None:
    for layers, values in (([], np.zeros((0, 1))), (["a"], np.zeros((2, 1)))):
        with pytest.raises(ValueError, match="expected shares"):
            shared_heatmap(layers, ["math"], values, tmp_path / "figure.png")


def test_a_layer_that_a_task_did_not_change_is_grey(tmp_path: Path) -> None:
    shares(tmp_path / "shares.png")
    assert share_of(GREY, pixels(tmp_path / "shares.png")) > 0.01
