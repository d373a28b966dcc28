"""Cells as one image: on paper, thousands of marks would be megabytes that nobody can point at."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from taskvec.reports.charts.theme import LIGHT
from taskvec.reports.drawing import Spec

_MOST_SIDE = 4  # pixels of a cell, so that a viewer that smooths does not blur them
_WIDTH = 1200  # pixels of all cells, where that leaves one for each


def image_layer(
    values: NDArray[np.float64], low: float, high: float, places: Spec, corners: Spec | None = None
) -> Spec:
    """Return a layer that shows cells in the colours of light paper.

    Args:
        values: Numbers, ``(R, C)``; NaN where nothing is known.
        low: What has the first colour.
        high: What has the last colour.
        places: Where the image begins and ends, as channels x, x2, y and y2.
        corners: The fields of these channels, if they have some.

    Returns:
        A layer of Vega-Lite.
    """
    side = int(np.clip(_WIDTH // max(values.shape), 1, _MOST_SIDE))
    pixels = _painted(values, low, high, LIGHT.signed if low < 0 else LIGHT.rising).repeat(side, 0).repeat(side, 1)
    url = f"data:image/png;base64,{base64.b64encode(_png(pixels)).decode()}"
    mark = {"type": "image", "url": url, "aspect": False, "smooth": False, "tooltip": None}
    return {"data": {"values": [corners or {}]}, "mark": mark, "encoding": places}


def _painted(values: NDArray[np.float64], low: float, high: float, colours: Sequence[str]) -> NDArray[np.uint8]:
    """Return red, green and blue, ``(R, C, 3)``, straight from each colour to the next, as Vega does it."""
    share = (np.nan_to_num(values, nan=low) - low) / (high - low)
    stops = np.linspace(0.0, 1.0, len(colours))
    known = np.stack([np.interp(share, stops, levels) for levels in np.transpose([_rgb(c) for c in colours])], axis=-1)
    return np.where(np.isfinite(values)[..., None], known, _rgb(LIGHT.unknown)).round().astype(np.uint8)


def _rgb(colour: str) -> list[int]:
    return [int(colour[start:end], 16) for start, end in pairwise((1, 3, 5, 7))]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return 8-bit red, green and blue, ``(H, W, 3)``, as a PNG whose lines are not filtered."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(starmap(_chunk, chunks))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
