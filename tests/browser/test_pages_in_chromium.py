"""Every page opens without a word, asks for nothing, and works by mouse, by keyboard, in the dark, on a telephone."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from browser_pages import Opened
from numpy.typing import NDArray
from PIL import Image

Open = Callable[..., Opened]
PHONE = {"width": 390, "height": 844}
KINDS = ("results", "hostile", "store", "large")


def screenshot(opened: Opened) -> NDArray[np.float64]:
    with Image.open(io.BytesIO(opened.page.screenshot())) as image:
        return np.asarray(image.convert("RGB")) / 255.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_opens_in_silence_and_asks_for_nothing(kind: str, opened: Open) -> None:
    found = opened(kind)
    assert (found.said, found.asked) == ([], [])
    charts = found.page.locator("[data-chart]").count()
    assert charts > 0
    assert found.page.locator("[data-chart] svg.marks, [data-chart] canvas.marks").count() == charts
    assert np.median(screenshot(found)) > 0.9
    assert found.page.evaluate("'stolen' in globalThis") is False  # no text ran
    assert found.page.locator("img").count() == 0  # or became an element
    assert found.page.locator("script").count() == 3


def test_a_script_that_slips_in_cannot_run(opened: Open) -> None:
    found = opened("hostile")
    found.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "globalThis.stolen = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", '<img src="x" onerror="globalThis.stolen = 1">');
    }""")
    found.page.wait_for_timeout(100)
    assert found.page.evaluate("'stolen' in globalThis") is False
    assert any("Content Security Policy" in line for line in found.said)


def test_a_hostile_name_is_shown_in_a_tooltip_as_text(opened: Open) -> None:
    found = opened("hostile")
    found.page.locator("path[aria-roledescription='point']").first.hover()
    tooltip = found.page.locator("#vg-tooltip-element")
    tooltip.wait_for()
    assert "<script>" in tooltip.inner_text()
    assert tooltip.locator("script, img").count() == 0


def test_pointing_at_a_mark_shows_its_numbers_with_their_spread(opened: Open) -> None:
    found = opened("results")
    found.page.locator("path[aria-roledescription='point']").first.hover()
    tooltip = found.page.locator("#vg-tooltip-element")
    tooltip.wait_for()
    words = tooltip.inner_text()
    assert all(part in words for part in ("mnist", "merged", "90.0%", "standard error", "2.0%", "384"))


def test_headings_sort_by_number_with_what_is_unknown_last(opened: Open) -> None:
    found = opened("results")
    table = found.page.locator("table", has=found.page.get_by_text("Odd numbers")).first
    heading = table.get_by_role("button", name="number")
    rising = ["least", "minus three", "tiny", "one", "nine", "ten", "unknown"]
    heading.click()
    assert table.locator("tbody th").all_inner_texts() == rising
    assert table.locator("th[aria-sort=ascending]").count() == 1
    heading.press("Enter")
    assert table.locator("tbody th").all_inner_texts() == [*reversed(rising[:-1]), "unknown"]
    assert table.locator("th[aria-sort=descending]").count() == 1
    table.get_by_role("button", name="which").click()
    assert table.locator("tbody th").all_inner_texts() == sorted(rising)


def test_a_field_filters_rows(opened: Open) -> None:
    found = opened("store")
    found.page.locator("#contents input.rows").fill("math")
    rows = found.page.locator("#contents .table tbody tr:visible th")
    assert rows.all_inner_texts() == ["math_00", "math_01"]


def test_search_marks_a_task_everywhere(opened: Open) -> None:
    found = opened("store")
    frames = "#alike [data-chart] svg .mark-rect path[stroke]"
    before = found.page.locator(frames).count()
    found.page.locator(".search input").fill("LAW_01")
    assert found.page.locator("#contents tr.is-found th").all_inner_texts() == ["law_01"]
    assert found.texts(".found") == ["1 of 8"]
    found.page.wait_for_function(f"document.querySelectorAll({frames!r}).length > {before}")


def test_everything_is_reached_by_keyboard(opened: Open) -> None:
    found = opened("results")
    reached = set()
    for _ in range(60):
        found.page.keyboard.press("Tab")
        reached.add(
            found.page.evaluate("document.activeElement.tagName + '.' + document.activeElement.textContent.trim()")
        )
    assert {"A.Skip to the content", "BUTTON.Dark", "A.Overview", "BUTTON.merged"} <= reached
    assert "SUMMARY.Recipe, seeds and commands" in reached


def test_details_are_one_click_away(opened: Open) -> None:
    found = opened("results")
    summary = found.page.locator("summary", has_text="Recipe, seeds").first
    recipe = found.page.locator("pre").first
    assert not recipe.is_visible()
    summary.click()
    assert recipe.is_visible()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_suits_a_telephone_in_the_dark(kind: str, opened: Open) -> None:
    found = opened(kind, viewport=PHONE, color_scheme="dark")
    assert found.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert np.median(screenshot(found)) < 0.15
    words = found.page.locator("[data-chart] svg.marks text[fill]")
    assert {words.nth(k).get_attribute("fill") for k in range(min(words.count(), 5))} <= {"#e8eaed", "#a2a9b1"}
    assert found.said == []


def test_the_button_changes_the_paper(opened: Open) -> None:
    found = opened("store", color_scheme="light")
    found.page.get_by_role("button", name="Dark").click()
    found.page.wait_for_function("document.querySelector('[data-chart] svg text').getAttribute('fill') === '#e8eaed'")
    assert np.median(screenshot(found)) < 0.15
    assert found.said == []


def test_a_dark_page_is_printed_light(opened: Open) -> None:
    found = opened("store", color_scheme="dark")
    found.page.emulate_media(media="print", color_scheme="dark")
    found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    found.page.wait_for_function("document.querySelector('[data-chart] svg text').getAttribute('fill') === '#1c2024'")
    assert np.median(screenshot(found)) > 0.9
    assert not found.page.locator("nav").is_visible()
    assert found.page.pdf().startswith(b"%PDF")
