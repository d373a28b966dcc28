"""Parts of a page that are made, among those that are written by hand."""

from __future__ import annotations

BEGIN = "<!-- {}, made by `make pages`: do not edit -->"
END = "<!-- end of what is made -->"


def put(text: str, what: str, made: str) -> str:
    """Return a page with a part made anew.

    Args:
        text: The page.
        what: What the part is, as the page calls it.
        made: The part.
    """
    begin = BEGIN.format(what)
    before, found, rest = text.partition(begin)
    assert found, f"the page has no line {begin}"
    indent = before[before.rfind("\n") + 1 :]
    after = rest.partition(END)[2]
    lines = [f"{indent}{line}".rstrip() for line in (*made.splitlines(), END)]
    return "\n".join([f"{before}{begin}", *lines]) + after
