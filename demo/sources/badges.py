"""Which badge sits on the icon? 16 × 16 Fugue icons (CC BY 3.0), plain or with one of five; test icons are unseen."""

import json

import numpy as np
from PIL import Image

from demo.packages import package_file
from demo.pictures import Pictures, square

PACKAGES = ("fugue-icons",)
CLASSES = ("plain", "arrow", "exclamation", "minus", "pencil", "plus")
ICON = 16  # pixels


def load() -> Pictures:
    """Some 1,190 pictures: every icon that exists with all five badges, once plain and once with each."""
    places = json.loads(package_file("fugue-icons", "fugue_icons/static/fugue-icons.json").read_text())
    sheet = Image.open(package_file("fugue-icons", "fugue_icons/static/fugue-icons.png"))
    icons = sorted(name for name in places if all(_badged(name, badge) in places for badge in CLASSES))
    rows = [(icon, label) for icon in icons for label in range(len(CLASSES))]
    images = [square(_cut(sheet, places[_badged(icon, CLASSES[label])])) for icon, label in rows]
    return Pictures(
        np.stack(images), np.array([label for _, label in rows]), np.array([icon for icon, _ in rows]), CLASSES
    )


def _badged(icon: str, badge: str) -> str:
    return icon if badge == "plain" else f"{icon}--{badge}"


def _cut(sheet: Image.Image, corner: list[int]) -> Image.Image:
    left, top = corner
    return sheet.crop((left, top, left + ICON, top + ICON))
