"""How a value shows itself in a notebook: what it looks like is drawn floors above, and looked up when it is shown."""

from __future__ import annotations

from importlib import import_module

from taskvec.errors import MissingExtraError

_PAINTER = "taskvec.reports.notebook"
"""The module whose ``fragment`` turns a value into HTML; named and not imported, because it lies above all values."""


class Displayed:
    """A value that notebooks show as a small page: tables, and figures where they cost no reading of weights."""

    def _repr_html_(self) -> str | None:  # noqa: PLW3201 (the name that notebooks ask for)
        """Return the value as HTML; None, so that its ``repr`` is shown, where the extra for pages is not installed."""
        try:
            html: str = import_module(_PAINTER).fragment(self)
        except MissingExtraError:
            return None
        return html
