"""Foreign text on one line: what a terminal would obey instead of show is escaped."""

from __future__ import annotations


def printable(text: str) -> str:
    """Escape line breaks, control codes and undecodable bytes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
