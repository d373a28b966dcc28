"""What lies in a store and is of no use any more: objects and inner products that no document refers to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskvec.vectors.documents import Documents
from taskvec.vectors.gram_cache import GramCache


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
    """Remove what no vector and no basis of a store refers to; unfinished work, which could be taken up, stays.

    A basis that another process is writing at this moment is refused to that process, and can be made again.

    Args:
        documents: The documents of the store.

    Returns:
        What was removed.
    """
    root = documents.path
    useless = _useless_objects(documents) + _useless_products(documents)
    total = sum(_size(path) for path in useless)
    for path in useless:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return Garbage(tuple(str(path.relative_to(root)) for path in useless), total)


def _useless_objects(documents: Documents) -> list[Path]:
    objects = documents.path / "objects"
    kept = documents.used_objects()
    return sorted(path for path in objects.iterdir() if path.name not in kept and not path.name.startswith("."))


def _useless_products(documents: Documents) -> list[Path]:
    live = {documents.vector(name).identity for name in (*documents.vector_names(), *documents.part_names())}
    return GramCache(documents.path / "gram").useless(live)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
