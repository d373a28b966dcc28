"""A chart is a value: a specification in Vega-Lite, which a page, a notebook and a picture on disk draw alike."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskvec.errors import OutputError
from taskvec.reports.charts.theme import LIGHT, config
from taskvec.reports.extra import page_library

LANGUAGE = "6.4"
"""The version of Vega-Lite that specifications are written in and pages carry."""

_REFERENCE = re.compile(r"""(\bid="|url\(#)(gradient_|clip)(\d+)""")
_WIDTH = 480
_RESOLUTION = 2.5

Spec = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A figure, as wide as what it stands in.

    Attributes:
        title: In a few words.
        description: What is to be seen, for those who cannot see it.
        spec: The specification, without colours of its own.
        most_width: Pixels that it never grows beyond; None where it may fill what it stands in.
    """

    title: str
    description: str
    spec: Spec
    most_width: int | None = None

    def complete(self) -> Spec:
        """Return the specification as it is embedded: responsive, with the description."""
        return {
            "$schema": f"https://vega.github.io/schema/vega-lite/v{LANGUAGE.partition('.')[0]}.json",
            "description": self.description,
            "width": "container",
            **self.spec,
        }

    def svg(self, width: int = _WIDTH) -> str:
        """Draw the chart on light paper.

        Args:
            width: Of the figure, in pixels.

        Returns:
            An SVG document.
        """
        spec = self._on_paper(width)
        return _settled(page_library().vegalite_to_svg(spec, vl_version=LANGUAGE), spec)

    def save(self, path: Path | str, width: int = _WIDTH) -> Path:
        """Draw the chart to a file, replacing what is there at once or not at all.

        Args:
            path: A ``.svg``, ``.png`` or ``.pdf`` file, or ``.json`` for the specification.
            width: Of the figure, in pixels; a PNG has 2.5 times as many.

        Returns:
            The file.

        Raises:
            OutputError: If the suffix is no such format, or the file cannot be written.
        """
        file = Path(path)
        draw = self._formats(width).get(file.suffix.lower())
        if draw is None:
            raise OutputError(f"{file}: cannot draw a chart as {file.suffix or 'a file without suffix'!r}; use .svg")
        draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
        try:
            draft.write_bytes(draw())
            draft.replace(file)
        except OSError as error:
            raise OutputError(f"{file}: cannot write the chart ({error.strerror}); choose another place") from error
        finally:
            draft.unlink(missing_ok=True)
        return file

    def _formats(self, width: int) -> dict[str, Callable[[], bytes]]:
        spec = self._on_paper(width)
        return {
            ".svg": lambda: self.svg(width).encode(),
            ".png": lambda: page_library().vegalite_to_png(spec, scale=_RESOLUTION, vl_version=LANGUAGE),
            ".pdf": lambda: page_library().vegalite_to_pdf(spec, vl_version=LANGUAGE),
            ".json": lambda: json.dumps(self.complete(), indent=1).encode(),
        }

    def _on_paper(self, width: int) -> Spec:
        paper = {**config(LIGHT), "background": "white"}
        return {**self.complete(), "width": width, "title": self.title, "config": paper, "padding": 8}

    def _repr_html_(self) -> str:  # noqa: PLW3201 (the name that notebooks ask for)
        return self.svg()


def _settled(svg: str, spec: Spec) -> str:
    """Name what an SVG refers to by its content, not by how many were drawn before: same bytes, no clash on a page."""
    key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:12]
    numbers: dict[str, int] = {}

    def named(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{key}-{numbers.setdefault(found[2] + found[3], len(numbers))}"

    return _REFERENCE.sub(named, svg)
