"""References in recipes: resolved beside the recipe, and rewritten for another folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from taskvec.errors import RecipeError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def resolved(ref: str, folder: Path, *, also: Path | None = None) -> str:
    """Return a reference that means the same from anywhere.

    Args:
        ref: A path, perhaps relative, or a hub id; ``REF+ADAPTER`` is two of them.
        folder: What relative paths start from.
        also: Where else a relative path may be.

    Returns:
        An absolute path where there is one of that name; a hub id as it is.

    Raises:
        RecipeError: If two places hold something of that name.
    """
    if "+" in ref and not _exists(folder / ref):
        return "+".join(resolved(one, folder, also=also) for one in ref.split("+"))
    path = Path(ref).expanduser()
    if path.is_absolute():
        return str(path)
    places = [Path(os.path.normpath(place / path)) for place in (folder, also) if place is not None]
    found = list(dict.fromkeys(str(place) for place in places if _exists(place)))
    if len(found) > 1:
        raise RecipeError(f"{ref}: is beside the recipe and in the working directory: write the path in full")
    if found:
        return found[0]
    is_hub_id = _HUB_ID.fullmatch(ref) and not _exists(Path.cwd() / ref)  # what lies there is not what is meant
    return ref if is_hub_id else str(places[0])


def relative(ref: str, given: str, folder: Path) -> str:
    """Return a resolved reference as it is written into a recipe that will lie in another folder.

    Args:
        ref: The resolved reference.
        given: As the user wrote it: what was absolute stays so.
        folder: Where the recipe will lie.

    Returns:
        The reference.
    """
    if "+" in ref and ref.count("+") == given.count("+"):
        return "+".join(relative(*each, folder) for each in zip(ref.split("+"), given.split("+"), strict=True))
    is_kept = not Path(ref).is_absolute() or Path(given).is_absolute() or given.startswith("~")
    return ref if is_kept else os.path.relpath(ref, folder)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
