"""JSON from files that nobody vouches for: one meaning per document, or an error."""

from __future__ import annotations

import json
from typing import NoReturn

from taskvec.checkpoints.quoting import quoted


def parse_object(raw: bytes) -> dict[str, object]:
    """Parse a JSON object, refusing what parsers disagree about.

    Args:
        raw: The UTF-8 document.

    Returns:
        The object; names are valid unicode and unique at every level.

    Raises:
        ValueError: If the document is no JSON object, repeats a name, nests too deeply or holds NaN.
    """
    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"its JSON is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"its JSON is malformed at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise ValueError("its JSON nests too deeply") from None
    match parsed:
        case dict():
            return parsed
        case _:
            raise ValueError(f"it is {quoted(parsed)}, expected an object")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {quoted(name)} appears twice")
            seen.add(name)
    for name in members:
        if not _is_unicode(name):
            raise ValueError(f"the name {quoted(name)} is not valid unicode")
    return members


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
