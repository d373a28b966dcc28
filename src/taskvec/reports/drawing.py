"""From a specification to the bytes of a picture: here, or in a process of its own that gives its memory back.

As a program, ``python -m taskvec.reports.drawing FORMAT`` reads the specification and writes the picture.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess  # noqa: S404 (starts this module alone)
import sys
from typing import Any

from taskvec.errors import OutputError
from taskvec.reports.extra import page_library

LANGUAGE = "6.4"
"""The version of Vega-Lite that specifications are written in and pages carry."""

_REFERENCE = re.compile(r"""(\bid="|url\(#)(gradient_|clip)(\d+)""")
_RESOLUTION = 2.5

Spec = dict[str, Any]


def draw(spec: Spec, form: str) -> bytes:
    """Draw a specification.

    Args:
        spec: What to draw, complete.
        form: ``svg``, ``png`` or ``pdf``.

    Returns:
        The picture.
    """
    library = page_library()
    svg = _settled(library.vegalite_to_svg(spec, vl_version=LANGUAGE), spec)
    if form == "svg":
        return svg.encode()
    picture: bytes = library.svg_to_pdf(svg) if form == "pdf" else library.svg_to_png(svg, scale=_RESOLUTION)
    return picture


def draw_apart(spec: Spec, form: str) -> bytes:
    """Draw a specification in a process of its own.

    Args:
        spec: What to draw, complete.
        form: ``svg``, ``png`` or ``pdf``.

    Returns:
        The picture.

    Raises:
        OutputError: If that process fails.
    """
    words = [sys.executable, "-P", "-m", __name__, form]
    done = subprocess.run(words, input=json.dumps(spec).encode(), capture_output=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line[:1].strip()]
        said = lines[-1] if lines else "nothing was said"
        raise OutputError(f"the figure could not be drawn (status {done.returncode}): {said}")
    return done.stdout


def _settled(svg: str, spec: Spec) -> str:
    """Name what an SVG refers to by its content, not by how many were drawn before: same bytes, no clash on a page."""
    key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:12]
    numbers: dict[str, int] = {}

    def named(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{key}-{numbers.setdefault(found[2] + found[3], len(numbers))}"

    return _REFERENCE.sub(named, svg)


if __name__ == "__main__":
    sys.stdout.buffer.write(draw(json.load(sys.stdin), sys.argv[1]))
