"""Charts draw what they are given, alike each time, and names stay text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET  # noqa: S405 (our own charts)

import numpy as np
import pytest

from example_results import HOSTILE, curves, matrix, table
from taskvec.errors import OutputError
from taskvec.reports import Chart, angles_chart, atoms_chart, cells_chart, cosine_map, lines_chart, points_chart, tree
from taskvec.reports.charts.theme import DARK, LIGHT
from taskvec.reports.likeness import cosines
from taskvec.results import Axis, Curves, Series

Names = tuple[str, ...]


def cosines_of(names: Names) -> Chart:
    dense = np.random.default_rng(0).normal(size=(len(names), 30)) + 0.2
    gram = dense @ dense.T
    return cosine_map(names, cosines(gram), tree(gram))


def atoms_of(names: Names) -> Chart:
    errors = np.linspace(1, 0, len(names))
    grid = range(1, len(names) + 1)
    made = [(names[0], 2, 0.5)]
    return atoms_chart(grid, np.tile(errors[:, None], len(names)), errors.tolist(), names, [100] * len(names), made)


def angles_of(names: Names) -> Chart:
    return angles_chart(names, [(name, name, 10.0 * k) for k, name in enumerate(names)], "Angles")


CHARTS: dict[str, Callable[[Names], Chart]] = {
    "points": lambda names: points_chart(table(names)),
    "lines": lambda names: lines_chart(curves(names)),
    "cells": lambda names: cells_chart(matrix(names)),
    "cosines": cosines_of,
    "atoms": atoms_of,
    "angles": angles_of,
}
charts = pytest.mark.parametrize("make", CHARTS.values(), ids=CHARTS)


def texts(svg: str) -> list[str]:
    return [text for element in ET.fromstring(svg).iter() for text in element.itertext()]  # noqa: S314


@charts
def test_names_are_on_the_chart(make: Callable[[Names], Chart]) -> None:
    svg = make(("mnist", "emoji", "latin")).svg()
    assert "mnist" in "".join(texts(svg)) or "mnist" in svg


def drawn_path(x: tuple[float, ...], y: tuple[float, ...]) -> list[tuple[float, float]]:
    line = Series(name="trade", x=x, y=y)
    svg = lines_chart(Curves(title="A trade", x=Axis(name="cost"), y=Axis(name="left"), series=(line,))).svg()
    marks = [element for element in ET.fromstring(svg).iter() if "mark-line" in element.get("class", "")]  # noqa: S314
    (path,) = [each.get("d", "") for mark in marks for each in mark.iter() if each.get("d")]
    return [tuple(map(float, point.split(","))) for point in path.removeprefix("M").split("L")]  # type: ignore[misc]


def test_a_line_goes_back_where_its_numbers_do() -> None:
    ahead = drawn_path((0.0, 1.0, 2.0, 3.0), (4.0, 3.0, 2.0, 1.0))
    back = drawn_path((0.0, 3.0, 1.0, 2.0), (4.0, 3.0, 2.0, 1.0))
    assert [x for x, _ in ahead] == sorted(x for x, _ in ahead)
    order = sorted(range(4), key=lambda place: back[place][0])
    assert order == [0, 2, 3, 1]
    assert [y for _, y in back] == sorted(y for _, y in back)


def test_spreads_of_a_line_that_turns_are_bars() -> None:
    def marks(*x: float) -> str:
        line = Series(name="trade", x=x, y=x, spread=(0.1,) * len(x))
        axis = Axis(name="cost")
        chart = lines_chart(Curves(title="A trade", x=axis, y=axis, series=(line,), spread="standard error"))
        return json.dumps(chart.complete()["layer"][0])

    assert '"area"' in marks(0.0, 1.0, 2.0)
    assert '"area"' in marks(2.0, 1.0, 0.0)
    assert '"area"' not in marks(0.0, 2.0, 1.0)
    assert '"rule"' in marks(0.0, 2.0, 1.0)


@charts
def test_names_are_text_and_never_markup(make: Callable[[Names], Chart]) -> None:
    svg = make(HOSTILE).svg()
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg).iter()}  # noqa: S314
    assert not tags & {"script", "img", "image", "foreignObject", "a"}
    assert "49" not in "".join(text for text in texts(svg) if "7 * 7" in text)


@charts
def test_the_same_numbers_give_the_same_bytes(make: Callable[[Names], Chart]) -> None:
    names = ("mnist", "emoji", "latin")
    assert make(names).svg() == make(names).svg()


@charts
def test_a_specification_is_plain_data_without_colours_or_addresses(make: Callable[[Names], Chart]) -> None:
    spec = make(("mnist", "emoji", "latin")).complete()
    text = json.dumps(spec, allow_nan=False)
    assert "#" not in text
    assert text.count("http") == 1
    assert "https://vega.github.io/schema/vega-lite" in text
    assert spec["description"]


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".json", b"{")]
)
def test_the_suffix_is_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = lines_chart(curves()).save(tmp_path / f"chart{suffix}")
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"chart\.gif: cannot draw a chart as '\.gif'"):
        lines_chart(curves()).save(tmp_path / "chart.gif")
    with pytest.raises(OutputError, match="cannot write the chart"):
        lines_chart(curves()).save(tmp_path / "none" / "chart.svg")


def test_error_bars_end_where_the_spread_does() -> None:
    rows = points_chart(table()).spec["data"]["values"]
    (first,) = [row for row in rows if row["row"] == "mnist" and row["column"] == "merged"]
    assert (first["low"], first["high"], first["n"]) == (pytest.approx(0.88), pytest.approx(0.92), 384)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("paper", "ground"), [(LIGHT, "#ffffff"), (DARK, "#14171a")], ids=["light", "dark"])
def test_text_and_lines_can_be_seen(paper: object, ground: str) -> None:
    assert contrast(paper.ink, ground) > 7
    assert contrast(paper.muted, ground) > 4.5
    assert min(contrast(colour, ground) for colour in paper.lines[:3]) > 3
    assert min(contrast(paper.on_strong, paper.signed[k]) for k in (0, -1)) > 4.5
    assert contrast(paper.on_strong, paper.rising[-1]) > 4.5
