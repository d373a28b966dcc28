"""How names from foreign files appear in messages: quoted, on one line, shortened."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 200


def quoted(value: object) -> str:
    """Quote a value so that a hostile name can neither break a message into lines nor drown it."""
    return _REPR.repr(value)


def listed(names: Iterable[str], limit: int = 3) -> str:
    """Quote the first few names of a collection and count the rest."""
    every = list(names)
    shown = ", ".join(quoted(name) for name in every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"
