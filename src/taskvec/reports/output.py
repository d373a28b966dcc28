"""How pages and figures reach the disk: all of a file or nothing, and never after work that could have been refused."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskvec.errors import MissingExtraError, OutputError
from taskvec.reports.drawing import draw_apart
from taskvec.reports.extra import clustering_library, page_library, templates_library

if TYPE_CHECKING:
    from taskvec.reports.charts import Chart

_PAGES = (".html", ".htm")
_FIGURES = (".png", ".svg", ".pdf")
_DRAWERS = {"vl_convert": "vl-convert-python", "scipy": "scipy"}


def check_page(path: Path) -> None:
    """Refuse, before any work is done, a page that could not be written.

    Args:
        path: Where the page is to go.

    Raises:
        OutputError: If it is no HTML file, or its folder does not exist.
    """
    if path.suffix.lower() not in _PAGES:
        raise OutputError(f"{path}: a page is an HTML file; name one that ends in .html")
    _check_folder(path)
    for find in (templates_library, page_library, clustering_library):
        find()


def check_figure(path: Path) -> None:
    """Refuse, before any work is done, a figure that could not be drawn; nothing is imported for that.

    Args:
        path: Where the figure is to go.

    Raises:
        OutputError: If the suffix is no format that can be drawn, or the directory does not exist.
        MissingExtraError: If what draws it is not installed.
    """
    if path.suffix.lower() not in _FIGURES:
        accepted = ", ".join(_FIGURES)
        raise OutputError(f"{path}: cannot draw a figure as {path.suffix or 'a file without suffix'!r}; use {accepted}")
    _check_folder(path)
    for module, package in _DRAWERS.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, "plots", "--plot")


def write_page(path: Path, html: str) -> int:
    """Put a page in place, replacing what is there.

    Args:
        path: Where it goes.
        html: The page.

    Returns:
        Its bytes.
    """
    check_page(path)
    content = html.encode()
    put(path, content, "page")
    return len(content)


def write_figure(path: Path, chart: Chart) -> None:
    """Draw a chart in a process of its own and put the figure in place, replacing what is there.

    That process takes 100 to 170 MiB and gives them back; the one that works grows by none.

    Args:
        path: Where the figure goes; its suffix is the format.
        chart: What it shows.
    """
    check_figure(path)
    put(path, draw_apart(chart.on_paper(), path.suffix.lower()[1:]), "figure")


def put(path: Path, content: bytes, what: str) -> None:
    """Write a file beside its place and move it there.

    Args:
        path: Its place.
        content: Its bytes.
        what: What it is called, where it cannot be written.

    Raises:
        OutputError: If it cannot be written; what was there stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write the {what} ({error.strerror}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the directory {path.parent} does not exist; create it")
