"""The libraries that pages need and the command line does not: imported when a page is made, or asked for by name."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from taskvec.errors import MissingExtraError


def page_library() -> Any:
    """Return vl_convert, which draws charts and carries what pages draw them with."""
    return _extra("vl_convert", "vl-convert-python")


def templates_library() -> Any:
    """Return jinja2, which fills in pages and escapes whatever it is given."""
    return _extra("jinja2", "jinja2")


def clustering_library() -> Any:
    """Return scipy.cluster.hierarchy."""
    return _extra("scipy.cluster.hierarchy", "scipy")


def _extra(module: str, package: str) -> ModuleType:
    """Import a module.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(package, "plots", "a page or chart") from error
