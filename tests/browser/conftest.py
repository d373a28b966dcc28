"""A real Chromium and real pages; without Chromium these tests are skipped, but never in continuous integration."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_pages import Opened, open_page
from playwright.sync_api import Browser, sync_playwright

from example_results import hostile_result, result
from example_stores import make_store, make_whole_store
from taskvec.reports import report_page, store_page
from taskvec.store.store import Store

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "pages need a browser: install Chromium (apt-get install chromium)"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # CI may run as root
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_whole_store(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def pages(store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "results": report_page([result(), result(title="Again")]),
        "hostile": report_page([hostile_result()]),
        "store": store_page(store),
        "large": store_page(make_store(folder / "large", 200, num_layers=1)),
    }
    for name, html in made.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_named(name: str, **how: object) -> Opened:
        contexts.append(browser.new_context(**how))
        return open_page(contexts[-1], pages[name])

    yield open_named
    for context in contexts:
        context.close()
