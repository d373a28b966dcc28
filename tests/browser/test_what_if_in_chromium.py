"""The panel that computes says what the library says, for any combination."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from browser_pages import Opened

from taskvec.bases.basis import Basis
from taskvec.store.store import Store

Open = Callable[..., Opened]
DIALLED = {"code_00": 0.7, "law_01": -1.25, "math_00": 0.05}


def dial(found: Opened, coefficients: dict[str, float]) -> None:
    found.page.get_by_role("button", name="All 0").click()
    for name, value in coefficients.items():
        field = found.page.get_by_label(f"Exact coefficient of {name}", exact=True)
        field.fill(str(value))
        field.press("Enter")


def norm(found: Opened) -> float:
    return float(found.page.locator(".what-if .norm").get_attribute("data-value"))


def read_cosines(found: Opened) -> dict[str, float]:
    bars = found.page.locator("#what-if [data-chart] path[aria-roledescription='bar']")
    labels = [bars.nth(k).get_attribute("aria-label") for k in range(bars.count())]
    found_in = [re.fullmatch(r"cosine: ([-−.\de]+); task: (\w+)", label or "") for label in labels]
    return {match[2]: float(match[1].replace("−", "-")) for match in found_in if match}


def test_a_slider_moves_the_norm_to_what_the_library_computes(opened: Open, store: Store) -> None:
    found = opened("store")
    found.page.get_by_role("button", name="All 0").click()
    slider = found.page.get_by_label("Coefficient of math_01", exact=True)
    slider.focus()
    for _ in range(7):
        slider.press("ArrowRight")
    expected = (0.07 * store["math_01"]).norm()
    assert norm(found) == pytest.approx(expected, rel=1e-6)
    assert found.texts(".what-if .norm") == [f"{expected:.6g}"]


def test_any_combination_has_its_norm_cosines_and_errors(opened: Open, store: Store) -> None:
    found = opened("store")
    dial(found, DIALLED)
    vector = sum((value * store[name] for name, value in DIALLED.items()), 0.0 * store["code_00"])
    assert norm(found) == pytest.approx(vector.norm(), rel=1e-6)
    gram = store.gram()
    a = np.array([DIALLED.get(name, 0.0) for name in gram.names])
    cosines = gram.total @ a / np.sqrt(np.diag(gram.total) * (a @ gram.total @ a))
    shown = read_cosines(found)
    assert shown == {name: pytest.approx(value, abs=1e-9) for name, value in zip(gram.names, cosines, strict=True)}
    errors = {row[0]: row[2] for row in (text.split("\t") for text in found.texts(".bases tbody tr"))}
    half = Basis.load(store, "half").certificate.error_of_expression(DIALLED)
    assert float(errors["half"]) == pytest.approx(half, rel=1e-5)
    assert errors["some"] == "does not hold them"


def test_the_names_of_all_bars_are_whole(opened: Open) -> None:
    found = opened("store", viewport={"width": 1060, "height": 800}, device_scale_factor=1.5)
    dial(found, DIALLED)
    chart = found.page.locator("#what-if [data-chart] svg.marks")
    found.page.wait_for_function(
        """() => {
            const chart = document.querySelector("#what-if [data-chart] svg.marks");
            const labels = [...chart.querySelectorAll(".role-axis-label text")];
            const names = labels.filter((text) => text.textContent.includes("_"));
            const left = Math.min(...names.map((text) => text.getBoundingClientRect().left));
            return names.length === 8 && left >= chart.getBoundingClientRect().left;
        }"""
    )
    assert chart.count() == 1
