"""What a page is made of: sections of words, figures, tables and folded details, before any of it is HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taskvec.reports.charts import Chart
from taskvec.results import Table


@dataclass(frozen=True)
class Words:
    """A paragraph.

    Attributes:
        text: What it says; data, never HTML.
        tone: ``plain``, ``answer`` for what was found, ``note`` for what must be known beside it.
    """

    text: str
    tone: str = "plain"
    kind: str = field(default="words", init=False)


@dataclass(frozen=True)
class Figure:
    """A chart with its caption.

    Attributes:
        chart: What is drawn.
        caption: What is to be seen.
        table: Its numbers, folded away below it; None where they stand elsewhere on the page.
    """

    chart: Chart
    caption: str = ""
    table: Table | None = None
    kind: str = field(default="figure", init=False)


@dataclass(frozen=True)
class Numbers:
    """A table that sorts and filters."""

    table: Table
    kind: str = field(default="numbers", init=False)


@dataclass(frozen=True)
class Details:
    """What is one click away.

    Attributes:
        summary: What it is.
        pairs: Names and texts.
        code: Texts to copy: recipes, commands.
    """

    summary: str
    pairs: tuple[tuple[str, str], ...] = ()
    code: tuple[tuple[str, str], ...] = ()
    kind: str = field(default="details", init=False)


@dataclass(frozen=True)
class Search:
    """A field that finds names in the figures of the page."""

    names: tuple[str, ...]
    kind: str = field(default="search", init=False)


@dataclass(frozen=True)
class WhatIf:
    """The panel in which a reader dials coefficients.

    Attributes:
        data: What it computes from, as plain data.
        chart: The cosines that it shows.
    """

    data: Mapping[str, Any]
    chart: Chart
    kind: str = field(default="what_if", init=False)


Block = Words | Figure | Numbers | Details | Search | WhatIf


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Attributes:
        id: What links go to; letters, digits and hyphens.
        title: The heading.
        blocks: What stands there.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: The first heading.
        subtitle: One line below it.
        sections: In order.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
