"""Sample grids that a person can judge: a row a model, a column a name that no style was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LARGER = 3  # screen pixels for one of an icon
GAP = 4
MARGIN = 190  # for the words beside a row
_WORDS = 15  # size of the letters

Images = NDArray[np.uint8]


def save(rows: Mapping[str, Images], file: Path) -> None:
    """Write a grid.

    Args:
        rows: What a row shows → its icons, uint8 `(N, side, side, 3)`.
        file: A PNG.
    """
    first = next(iter(rows.values()))
    step = LARGER * first.shape[1] + GAP
    picture = Image.new("RGB", (MARGIN + step * len(first), step * len(rows) + GAP), "white")
    writing, font = ImageDraw.Draw(picture), ImageFont.load_default(_WORDS)
    for row, (words, icons) in enumerate(rows.items()):
        top = GAP + row * step
        writing.text((GAP, top + step // 2), words, fill="black", font=font, anchor="lm")
        for column, icon in enumerate(icons):
            picture.paste(_enlarged(icon), (MARGIN + column * step, top))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, optimize=True)


def _enlarged(icon: NDArray[Any]) -> Image.Image:
    drawn = Image.fromarray(icon)
    return drawn.resize((LARGER * drawn.width, LARGER * drawn.height), Image.Resampling.NEAREST)
