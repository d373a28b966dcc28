"""What lies in a store and is of no use any more: what no document refers to, and what killed processes left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskvec.checkpoints import remove_abandoned
from taskvec.store.documents import Documents
from taskvec.store.gram_cache import GramCache

DRAFT_SECONDS = 3600
"""After so long, a draft of a document, which takes no second to write, is one that nobody finishes."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """What was found.

    Attributes:
        paths: Folders and files, relative to the store.
        num_bytes: Their bytes.
    """

    paths: tuple[str, ...]
    num_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return what was removed as the command line prints it."""
        return {"removed": list(self.paths), "bytes": self.num_bytes}


def collect_garbage(documents: Documents) -> Garbage:
    """Remove what no vector and no basis of a store refers to, and unfinished work that no process is at any more.

    A basis that another process has written at this moment, and not yet published, is refused to that process, and can
    be made again.

    Args:
        documents: The documents of the store.

    Returns:
        What was removed.
    """
    removed: dict[str, int] = {}
    for path in _useless_objects(documents) + _useless_products(documents):
        removed[str(path.relative_to(documents.path))] = _size(path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in _unfinished(documents.path):
        size = _size(path)
        if remove_abandoned(path):
            removed[str(path.relative_to(documents.path))] = size
    return Garbage(tuple(removed), sum(removed.values()))


def _useless_objects(documents: Documents) -> list[Path]:
    objects = documents.path / "objects"
    kept = documents.used_objects()
    return sorted(path for path in objects.iterdir() if path.name not in kept and not path.name.startswith("."))


def _useless_products(documents: Documents) -> list[Path]:
    live = {documents.vector(name).identity for name in (*documents.vector_names(), *documents.part_names())}
    return GramCache(documents.path / "gram").useless(live)


def _unfinished(root: Path) -> Iterator[Path]:
    """Yield staging folders, notes of passes and old drafts of documents, whether a process works on them or not."""
    yield from sorted((root / "objects").glob(".*.partial"))
    yield from sorted((root / "gram").glob(".*.journal"))
    old = time.time() - DRAFT_SECONDS
    yield from sorted(draft for draft in root.glob("*/.*.tmp") if draft.stat().st_mtime < old)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
