"""What every page carries so that it needs no network: Vega, Vega-Lite and Vega-Embed, our scripts and our style."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from taskvec.reports.drawing import LANGUAGE
from taskvec.reports.extra import page_library

_ASSETS = Path(__file__).with_name("assets")
_SCRIPTS = ("charts.js", "tables.js", "search.js", "what_if.js", "start.js")
_EXPORT = "window.vegaEmbed = vegaEmbed;"

_END = re.compile(r"</script", re.IGNORECASE)

LICENCE = (
    "/* Vega, Vega-Lite, Vega-Embed: © University of Washington Interactive Data Lab and contributors, BSD-3-Clause; "
    "D3: © Mike Bostock, ISC. */"
)


@cache
def vega_script() -> str:
    """Return the drawing library as one script."""
    bundle: str = page_library().javascript_bundle(_EXPORT, vl_version=LANGUAGE)
    return inline(f"{LICENCE}\n{bundle}")


@cache
def page_script() -> str:
    """Return our own scripts as one."""
    return inline("\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS))


@cache
def style() -> str:
    """Return the style sheet."""
    return (_ASSETS / "page.css").read_text(encoding="utf-8")


def inline(script: str) -> str:
    """Return a script such that no text in it can end the element that it stands in."""
    return _END.sub(r"<\\/script", script).replace("<!--", "<\\!--")


def policy(*scripts: str) -> str:
    """Return the content security policy: these scripts and no others, no network, no frames, no forms.

    Vega compiles its expressions, so evaluation is allowed to the scripts that may run at all.

    Args:
        scripts: The text of every script of the page.

    Returns:
        The content of the meta element.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
