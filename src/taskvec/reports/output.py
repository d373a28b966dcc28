"""How a page reaches the disk: all of it or nothing, and never after work that could have been refused before."""

from __future__ import annotations

import os
from pathlib import Path

from taskvec.errors import OutputError
from taskvec.reports.extra import clustering_library, page_library, templates_library

_SUFFIXES = (".html", ".htm")


def check_page(path: Path) -> None:
    """Refuse, before any work is done, a page that could not be written.

    Args:
        path: Where the page is to go.

    Raises:
        OutputError: If it is no HTML file, or its folder does not exist.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise OutputError(f"{path}: a page is an HTML file; name one that ends in .html")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the directory {path.parent} does not exist; create it")
    for find in (templates_library, page_library, clustering_library):
        find()


def write_page(path: Path, html: str) -> int:
    """Put a page in place, replacing what is there.

    Args:
        path: Where it goes.
        html: The page.

    Returns:
        Its bytes.

    Raises:
        OutputError: If it cannot be written.
    """
    check_page(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    content = html.encode()
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)
    return len(content)
