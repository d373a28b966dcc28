"""The table of ways to share on ``docs/methods/shared_unique.md``, made from their records by ``make pages``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from page_parts import put

from taskvec.linalg.subspaces import SUBSPACE_METHODS
from taskvec.linalg.subspaces.subspaces import SubspaceRule

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "shared_unique.md"


def page() -> str:
    """The page with the table put in its place."""
    return put(PAGE.read_text(encoding="utf-8"), "the ways to share", "\n".join(subspaces()))


def subspaces() -> Iterator[str]:
    """The table."""
    yield "| `--subspace` | eigenvectors of | whose |"
    yield "|---|---|---|"
    for one in SUBSPACE_METHODS.values():
        name = f"`{one.name}`{' (default)' if one.name == SubspaceRule().subspace else ''}"
        yield f"| {name} | {one.formula} | {one.paper} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
