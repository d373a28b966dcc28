"""Pages: sections of words, figures and tables, rendered to one HTML file that needs no network."""

from taskvec.reports.page.blocks import Block, Details, Figure, Numbers, Page, Search, Section, WhatIf, Words
from taskvec.reports.page.render import fragment, render

__all__ = [
    "Block",
    "Details",
    "Figure",
    "Numbers",
    "Page",
    "Search",
    "Section",
    "WhatIf",
    "Words",
    "fragment",
    "render",
]
