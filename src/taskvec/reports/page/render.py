"""Sections to one HTML file: templates escape whatever they are given, data for scripts is JSON without markup."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from taskvec._version import __version__
from taskvec.errors import ReportError
from taskvec.reports.charts.theme import DARK, LIGHT, config
from taskvec.reports.extra import templates_library
from taskvec.reports.page import bundle
from taskvec.reports.page.blocks import Figure, Page, Section, WhatIf
from taskvec.reports.page.cells import counted, shown, sort_key

_TEMPLATES = Path(__file__).with_name("templates")

MOST_BYTES = 5_000_000
"""No page is larger."""


def render(page: Page) -> str:
    """Make the page.

    Args:
        page: What stands on it.

    Returns:
        One HTML document that needs nothing else.

    Raises:
        ReportError: If it would be larger than a page may be.
    """
    scripts = bundle.vega_script(), bundle.page_script()
    html: str = (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            style=bundle.style(),
            vega=scripts[0],
            script=scripts[1],
            policy=bundle.policy(*scripts),
            data=_as_json(_data(page)),
            version=__version__,
        )
    )
    size = len(html.encode())
    if size > MOST_BYTES:
        raise ReportError(
            f"the page {page.title!r} would be {size:,} bytes, more than the {MOST_BYTES:,} of a page: "
            "name fewer task vectors or results"
        )
    return html


def fragment(section: Section) -> str:
    """Make a piece of HTML for a notebook: tables as they are, charts drawn.

    Args:
        section: What stands in it.

    Returns:
        HTML without scripts.
    """
    html: str = _environment().get_template("fragment.html").render(section=section)
    return html


@cache
def _environment() -> Any:
    library = templates_library()
    environment = library.Environment(
        loader=library.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=library.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"shown": shown, "sort_key": sort_key, "counted": counted}
    return environment


def _data(page: Page) -> dict[str, Any]:
    charts, panel = {}, None
    for section in page.sections:
        for number, block in enumerate(section.blocks):
            if isinstance(block, Figure | WhatIf):
                charts[f"{section.id}-{number}"] = block.chart.complete()
            if isinstance(block, WhatIf):
                panel = block.data
    return {"charts": charts, "papers": {"light": config(LIGHT), "dark": config(DARK)}, "whatIf": panel}


def _as_json(data: Any) -> str:
    """Return JSON in which nothing can be taken for markup, wherever it stands."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
