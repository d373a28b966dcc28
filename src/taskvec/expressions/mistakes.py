"""What a mistake in an expression looks like: one line with its column, and a note with a caret under the place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from taskvec.errors import ExpressionError

_SHOWN_NAMES = 10
_SHOWN_TEXT = 40
_CONTEXT = 60


def mistake(text: str | None, column: int, problem: str) -> ExpressionError:
    """Make the error for a problem at a column; where the text is known, its ``__notes__[0]`` is the caret display."""
    error = ExpressionError(f"expression, column {column}: {problem}")
    if text is not None:
        error.add_note(caret(text, column))
    return error


def caret(text: str, column: int) -> str:
    """Render two lines: the text around the column (counted from 1) and a caret under it."""
    here = min(max(column - 1, 0), len(text))
    start, stop = max(here - _CONTEXT, 0), here + _CONTEXT
    excerpt = "".join(char if char.isprintable() else " " for char in text[start:stop])
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    return f"{before}{excerpt}{after}\n{' ' * (len(before) + here - start)}^"


def quoted(text: str) -> str:
    """Quote user text for a one-line message, escaped and cut to a readable length."""
    return repr(text if len(text) <= _SHOWN_TEXT else text[: _SHOWN_TEXT - 1] + "…")


def unknown(kind: str, word: str, known: Collection[str], also: Iterable[str] = ()) -> str:
    """Say that a word is unknown, which known one it resembles, and what is known.

    Args:
        kind: What the word should have been, such as ``name`` or ``function``.
        word: The word as written.
        known: Every word that would have done; at most ten are listed.
        also: Words that may be meant but are not worth listing.
    """
    close = get_close_matches(word, [*sorted(known), *also], n=1)
    hint = f"; did you mean {quoted(close[0])}?" if close else ""
    return f"unknown {kind} {quoted(word)}{hint} ({_listing(known)})"


def _listing(known: Collection[str]) -> str:
    if not known:
        return "none is known"
    shown = sorted(known)[:_SHOWN_NAMES]
    rest = len(known) - len(shown)
    return f"known: {', '.join(shown)}" + (f" and {rest} more" if rest else "")
