"""Ways in which files change behind a store's back, and a picture of a folder to see what was left behind."""

from __future__ import annotations

import os
from pathlib import Path


def flip_byte(path: Path, position: int = -1) -> None:
    """Change one byte of a file and put its time of change back, as a careless copy tool would."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def picture(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder, hidden files included: path → content, or None for a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
