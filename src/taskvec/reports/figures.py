"""How every figure looks and how it reaches the disk: one style, a format chosen by suffix, all of the file or none."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskvec.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, INK, GREY, LIGHT_GREY = "#0072b2", "#d55e00", "#222222", "#767676", "#bdbdbd"

_NO_DATE: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 200,
    "savefig.facecolor": "white",
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.1,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.hashsalt": "taskvec",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def check_figure(path: Path) -> None:
    """Refuse, before any work is done, a figure that could not be written.

    Args:
        path: Where the figure is to go.

    Raises:
        OutputError: If the suffix is no format that can be drawn, or the directory does not exist.
        MissingExtraError: If matplotlib is not installed.
    """
    if path.suffix.lower() not in _NO_DATE:
        accepted = ", ".join(_NO_DATE)
        raise OutputError(f"{path}: cannot draw a figure as {path.suffix or 'a file without suffix'!r}; use {accepted}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the directory {path.parent} does not exist; create it")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plots", "--plot")


def write_figure(path: Path, width: float, height: float, draw: Callable[[Axes], None]) -> None:
    """Draw one pair of axes in the house style and put the figure at the path, replacing what is there.

    Args:
        path: Where the figure goes; its suffix is the format.
        width: Inches.
        height: Inches.
        draw: Called once with empty axes.
    """
    check_figure(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot())
        _publish(figure, path)


def _publish(figure: Figure, path: Path) -> None:
    suffix = path.suffix.lower()
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        figure.savefig(draft, format=suffix[1:], metadata=_NO_DATE[suffix])
        draft.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot write the figure ({reason}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)
