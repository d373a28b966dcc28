"""Figures: the asked-for format, something on it, and nothing on the disk when they are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from taskvec.errors import MissingExtraError, OutputError
from taskvec.reports import (
    Chart,
    check_figure,
    coefficients_chart,
    cosine_map,
    error_chart,
    group_errors_chart,
    shared_chart,
    tree,
    write_figure,
)
from taskvec.reports.charts.theme import LIGHT

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF-", ".PNG": b"\x89PNG"}
GREY = np.array([int(LIGHT.unknown[k : k + 2], 16) for k in (1, 3, 5)])
DARKEST_BLUE = np.array([int(LIGHT.signed[0][k : k + 2], 16) for k in (1, 3, 5)])


def cosines(count: int) -> NDArray[np.float64]:
    vectors = np.random.default_rng(count).normal(size=(count, 30)) + 0.2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def map_of(names: list[str], cosine: NDArray[np.float64]) -> Chart:
    return cosine_map(names, cosine, tree(np.nan_to_num(cosine)))


def map_of_tasks(count: int) -> Chart:
    return map_of([f"task_{index}" for index in range(count)], cosines(count))


def curve() -> Chart:
    return error_chart([1, 2, 3], [0.9, 0.7, 0.5], optimal=[0.8, 0.6, 0.4], worst_task=[1.0, 0.9, 0.8], chosen=2)


def shares() -> Chart:
    return shared_chart(
        ["layer.0", "layer.1"], ["math", "code", "law"], np.array([[0.1, 0.2, np.nan], [0.3, 0.0, 0.4]])
    )


def coefficients() -> Chart:
    return coefficients_chart(["math", "code"], np.array([[1.0, -1.0], [0.2, 0.3]]))


def group_errors() -> Chart:
    return group_errors_chart(["layer.0", "layer.1"], ["math", "code"], np.array([[0.1, np.nan], [0.4, 0.9]]))


FIGURES: dict[str, Callable[[], Chart]] = {
    "cosines": lambda: map_of_tasks(3),
    "curve": curve,
    "shares": shares,
    "coefficients": coefficients,
    "group errors": group_errors,
}
figures = pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def drawn(chart: Chart, folder: Path) -> NDArray[np.int64]:
    return pixels(chart.save(folder / "figure.png"))


def share_of(color: NDArray[np.int64], image: NDArray[np.int64]) -> float:
    return float(np.mean(np.all(np.abs(image - color) <= 1, axis=-1)))


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_the_suffix_is_the_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"figure{suffix}"
    write_figure(path, shares())
    assert path.read_bytes().startswith(SIGNATURES[suffix])
    assert list(tmp_path.iterdir()) == [path]


@figures
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_numbers_give_the_same_bytes(make: Callable[[], Chart], suffix: str, tmp_path: Path) -> None:
    one, other = make().save(tmp_path / f"one{suffix}"), make().save(tmp_path / f"other{suffix}")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_process_of_its_own_draws_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    here, apart = tmp_path / f"here{suffix}", tmp_path / f"apart{suffix}"
    curve().save(here)
    write_figure(apart, curve())
    assert here.read_bytes() == apart.read_bytes()


@figures
def test_pictures_are_dark_on_white_and_large_enough_to_print(make: Callable[[], Chart], tmp_path: Path) -> None:
    image = drawn(make(), tmp_path)
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image.min() < 60
    assert min(image.shape[:2]) > 400
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("count", [1, 2, 8, 200])
def test_any_number_of_vectors_fits(count: int, tmp_path: Path) -> None:
    image = drawn(map_of_tasks(count), tmp_path)
    assert max(image.shape[:2]) < 2200
    assert share_of(GREY, image) > 0.2 / count**2
    assert share_of(np.array([255, 255, 255]), image) < 0.8


def test_many_cells_are_one_image_of_the_same_colours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    errors = np.random.default_rng(0).random((8, 6))
    errors[2, 3] = np.nan
    groups, tasks = [f"g{k}" for k in range(8)], [f"t{k}" for k in range(6)]

    def all_three() -> list[Chart]:
        signed = coefficients_chart(groups, cosines(8) - 0.5)
        return [map_of_tasks(24), group_errors_chart(groups, tasks, errors), signed]

    for home in ("cells", "cosine_map"):
        monkeypatch.setattr(sys.modules[f"taskvec.reports.charts.{home}"], "MOST_NUMBERS", 0)
    as_marks = [drawn(chart, tmp_path) for chart in all_three()]
    for home in ("cells", "cosine_map"):
        monkeypatch.setattr(sys.modules[f"taskvec.reports.charts.{home}"], "MOST_MARKS", 0)
    as_image = [drawn(chart, tmp_path) for chart in all_three()]
    for one, other in zip(as_marks, as_image, strict=True):
        assert one.shape == other.shape
        assert np.mean(np.abs(one - other).max(axis=-1) > 3) < 0.05  # the edges of cells
        assert share_of(GREY, other) >= 0.9 * share_of(GREY, one)


def test_an_image_keeps_figures_of_hundreds_small(tmp_path: Path) -> None:
    assert len(map_of_tasks(200).svg()) < 1_000_000


def test_drawing_takes_little_memory_and_none_of_the_command(tmp_path: Path) -> None:
    code = (
        "import json, resource, sys; from taskvec.reports.drawing import draw_apart;"
        "from taskvec.streaming.memory import resident_bytes;"
        "spec = json.load(sys.stdin); before = resident_bytes(); draw_apart(spec, 'png');"
        "print(resident_bytes() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    spec = json.dumps(map_of_tasks(200).on_paper())
    done = subprocess.run([sys.executable, "-c", code], input=spec, capture_output=True, text=True, check=True)
    added, drawing = map(int, done.stdout.split())
    assert added < 16 * 2**20
    assert drawing * (1 if sys.platform == "darwin" else 1024) < 200 * 2**20


def test_small_cosines_are_not_washed_out_by_the_diagonal(tmp_path: Path) -> None:
    chart = map_of(["math", "code"], np.array([[1.0, -0.02], [-0.02, 1.0]]))
    assert share_of(DARKEST_BLUE, drawn(chart, tmp_path)) > 0.1


def test_numbers_and_names_stand_in_the_figure_while_there_is_room() -> None:
    cosine = np.array([[1.0, -0.126, 0.001], [-0.126, 1.0, np.nan], [-0.001, np.nan, 1.0]])
    text = map_of(["math", "code", "a_name_that_is_much_too_long_to_be_shown"], cosine).svg()
    words = (">Cosines between task vectors<", ">cosine<", ">math<", ">code<", ">a_name_that_…_to_be_shown<")
    for word in (*words, ">−0.13<", ">0.00<", ">–<", ">1.00<"):
        assert word in text
    assert "−0.00" not in text
    text = map_of_tasks(24).svg()
    assert ">task_19<" in text
    assert ">1.00<" not in text
    text = map_of_tasks(120).svg()
    assert ">task_" not in text
    assert ">120 task vectors, in the order of the tree<" in text


def test_the_curve_begins_at_zero_and_marks_what_was_chosen() -> None:
    text = curve().svg()
    for word in (">0<", ">all tasks<", ">worst task<", ">least possible<", ">chosen: 0.7 with M = 2<"):
        assert word in text
    text = error_chart([4], [0.5]).svg()
    assert ">0<" in text
    assert ">4<" in text
    assert "worst task" not in text
    assert ">0<" in error_chart([1], [0.0]).svg()


def test_few_numbers_of_atoms_have_a_tick_each() -> None:
    text = error_chart([1, 2, 3], [0.9, 0.7, 0.5]).svg()
    assert [text.count(f">{number}<") for number in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt", ".png"])
def test_other_suffixes_are_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"use \.png, \.svg, \.pdf$"):
        write_figure(tmp_path / name, shares())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the directory .*nowhere does not exist; create it$"):
        write_figure(tmp_path / "nowhere" / "figure.png", shares())


def test_a_figure_that_cannot_be_published_leaves_no_draft(tmp_path: Path) -> None:
    taken = tmp_path / "figure.png"
    taken.mkdir()
    with pytest.raises(OutputError, match=r"figure\.png: cannot write the figure \(.*\); choose another place$"):
        write_figure(taken, shares())
    assert list(tmp_path.iterdir()) == [taken]


def test_a_figure_that_exists_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"an older figure")
    write_figure(path, shares())
    assert path.read_bytes().startswith(SIGNATURES[".png"])


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the figure could not be drawn \(status 1\): TypeError: .*"):
        write_figure(tmp_path / "figure.png", Chart("A title", "Words.", {"mark": "a mark that nobody knows"}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("module", "package"), [("vl_convert", "vl-convert-python"), ("scipy", "scipy")])
def test_without_what_draws_the_extra_is_named(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"^--plot needs {package}; .*'taskvec\[plots\]'$"):
        check_figure(tmp_path / "figure.png")


def test_nothing_that_draws_is_imported_before_a_figure_is_drawn() -> None:
    code = (
        "import sys, pathlib; from taskvec.reports import check_figure; check_figure(pathlib.Path('figure.png'));"
        "sys.exit(bool({'vl_convert', 'scipy', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_command_never_imports_what_draws(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from taskvec.reports import Chart, write_figure;"
        "chart = Chart('A title', 'Words.', {'data': {'values': []}, 'mark': 'point'});"
        "write_figure(pathlib.Path(sys.argv[1]), chart);"
        "sys.exit('vl_convert' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "figure.svg"], check=False).returncode == 0
    assert (tmp_path / "figure.svg").exists()


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (9,)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="each pair of 3 names"):
        cosine_map(["math", "code", "law"], np.zeros(shape), tree(np.eye(3)))


def test_lines_of_another_length_and_strange_choices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found lengths \[1, 2\]"):
        error_chart([1, 2], [0.5])
    with pytest.raises(ValueError, match=r"found lengths \[0\]"):
        error_chart([], [])
    with pytest.raises(ValueError, match=r"among \[1, 2\], found 3"):
        error_chart([1, 2], [0.5, 0.4], chosen=3)


def test_a_layer_that_a_task_did_not_change_is_grey(tmp_path: Path) -> None:
    assert share_of(GREY, drawn(shares(), tmp_path)) > 0.01
