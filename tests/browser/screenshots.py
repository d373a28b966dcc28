"""Pictures of a page for people: ``python tests/browser/screenshots.py PAGE OUT.png [SELECTOR] [--dark] [--phone]``."""

from __future__ import annotations

import sys
from pathlib import Path

from browser_pages import open_page
from playwright.sync_api import sync_playwright

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1060, "height": 800}


def main(words: list[str]) -> None:
    page, out, *selector = [word for word in words if not word.startswith("--")]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(
            viewport=PHONE if "--phone" in words else DESK,
            color_scheme="dark" if "--dark" in words else "light",
            device_scale_factor=1.5,
        )
        opened = open_page(context, Path(page).resolve())
        if selector:
            opened.page.locator(selector[0]).first.evaluate("element => element.scrollIntoView()")
        opened.page.wait_for_timeout(300)
        opened.page.screenshot(path=out)


if __name__ == "__main__":
    main(sys.argv[1:])
