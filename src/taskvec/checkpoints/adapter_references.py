"""References with adapters: ``REF+LORA``, where a plus may also be part of a path."""

from __future__ import annotations

from pathlib import Path


def split_adapters(text: str) -> tuple[str, tuple[str, ...]]:
    """Cut a reference into a model and the adapters on it.

    Args:
        text: The reference; where it exists as it stands, it is a path with a plus in it.

    Returns:
        The model, and its adapters in order.
    """
    parts = text.split("+")
    if len(parts) == 1 or _exists(text):
        return text, ()
    joined = _joined(parts)
    return joined[0], tuple(joined[1:])


def _joined(parts: list[str]) -> list[str]:
    """Put parts together again where only that names something."""
    found: list[str] = []
    start = 0
    while start < len(parts):
        stops = range(start + 1, len(parts) + 1)
        names = ((stop, "+".join(parts[start:stop])) for stop in stops)
        stop, name = next(((s, n) for s, n in names if _exists(n)), (start + 1, parts[start]))
        found.append(name)
        start = stop
    return found


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).expanduser().exists()
    except (ValueError, RuntimeError, OSError):
        return False
