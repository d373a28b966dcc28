"""A chart is a value: a specification in Vega-Lite, which a page, a notebook and a picture on disk draw alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from taskvec.errors import OutputError
from taskvec.reports.charts.theme import LIGHT, config
from taskvec.reports.drawing import LANGUAGE, Spec, draw
from taskvec.reports.output import put

_WIDTH = 480
_PADDING = 16  # what stands at the end of a colour bar reaches beyond it


@dataclass(frozen=True)
class Chart:
    """A figure, as wide as what it stands in.

    Attributes:
        title: In a few words.
        description: What is to be seen, for those who cannot see it.
        spec: The specification, without colours of its own.
        most_width: Pixels that it never grows beyond; None where it may fill what it stands in.
        paper: The specification for paper, where that is another one; it may have colours of its own.
        width: Of a figure on paper, in pixels.
    """

    title: str
    description: str
    spec: Spec
    most_width: int | None = None
    paper: Spec | None = None
    width: int = _WIDTH

    def complete(self) -> Spec:
        """Return the specification as it is embedded: responsive, with the description."""
        return {
            "$schema": f"https://vega.github.io/schema/vega-lite/v{LANGUAGE.partition('.')[0]}.json",
            "description": self.description,
            "width": "container",
            **self.spec,
        }

    def on_paper(self, width: int | None = None) -> Spec:
        """Return the specification as it is drawn on light paper, under its title.

        Args:
            width: Of the figure, in pixels; its own if not given.
        """
        spec = self.complete() if self.paper is None else {**self.complete(), **self.paper}
        paper = {**config(LIGHT), "background": "white"}
        return {**spec, "width": width or self.width, "title": self.title, "config": paper, "padding": _PADDING}

    def svg(self, width: int | None = None) -> str:
        """Draw the chart on light paper.

        Args:
            width: Of the figure, in pixels; its own if not given.

        Returns:
            An SVG document.
        """
        return draw(self.on_paper(width), "svg").decode()

    def save(self, path: Path | str, width: int | None = None) -> Path:
        """Draw the chart to a file, replacing what is there at once or not at all.

        Args:
            path: A ``.svg``, ``.png`` or ``.pdf`` file, or ``.json`` for the specification.
            width: Of the figure, in pixels, of which a PNG has 2.5 times as many; its own if not given.

        Returns:
            The file.

        Raises:
            OutputError: If the suffix is no such format, or the file cannot be written.
        """
        file = Path(path)
        suffix = file.suffix.lower()
        if suffix == ".json":
            content = json.dumps(self.complete(), indent=1).encode()
        elif suffix in {".svg", ".png", ".pdf"}:
            content = draw(self.on_paper(width), suffix[1:])
        else:
            raise OutputError(f"{file}: cannot draw a chart as {file.suffix or 'a file without suffix'!r}; use .svg")
        put(file, content, "chart")
        return file

    def _repr_html_(self) -> str:  # noqa: PLW3201 (the name that notebooks ask for)
        return self.svg()
