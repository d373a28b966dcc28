"""A page in a browser, with everything that it said and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page


@dataclass
class Opened:
    """A page whose charts are drawn.

    Attributes:
        page: The page.
        said: Whatever came to the console, and every error.
        asked: Addresses of all requests but the page's own.
    """

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()


def open_page(context: BrowserContext, path: Path) -> Opened:
    """Open a file and wait for its charts."""
    opened = Opened(context.new_page())
    address = path.as_uri()
    opened.page.on("console", lambda message: opened.said.append(message.text))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("request", lambda r: None if r.url == address else opened.asked.append(r.url[:100]))
    opened.page.goto(address)
    opened.page.wait_for_selector("body[data-drawn]")
    return opened
