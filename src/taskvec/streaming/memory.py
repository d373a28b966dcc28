"""What memory the process has and had when a run began, and sizes as people write them."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_UNITS = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip


def parse_size(text: str) -> int:
    """Parse ``512MiB``, ``5GB`` or plain bytes.

    Raises:
        ValueError: If the text is no positive size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].upper() not in _UNITS or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is no size: write for example 512MiB, 5GB or 1073741824")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def format_size(num_bytes: float) -> str:
    """Return a size as people read it: ``1.5 GiB``."""
    size = float(num_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def available_bytes() -> int | None:
    """Return the memory that the system can give away without swapping, page cache included; None where unknown."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    match = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"))
    return int(match[1]) * 1024 if match else None


def resident_bytes() -> int:
    """Return the memory that the operating system holds for this process now, in bytes."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        import os

        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_BEGUN: ContextVar[int | None] = ContextVar("begun", default=None)


@contextmanager
def one_run(begun: int | None = None) -> Generator[None]:
    """Plan all passes within from one reading of memory: none is refused for what those before it left behind.

    A run within a run is a part of it.

    Args:
        begun: What the process held at the begin, in bytes; what it holds now if not given.
    """
    token = _BEGUN.set(begun_bytes() if begun is None else begun)
    try:
        yield
    finally:
        _BEGUN.reset(token)


def begun_bytes() -> int:
    """Return what the process held when the run began that goes on; what it holds now where none does."""
    begun = _BEGUN.get()
    return resident_bytes() if begun is None else begun
