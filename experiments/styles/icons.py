"""The drawings as small pictures: one of every name in every style, and the names dealt to three parts."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from experiments.cached import Kept
from experiments.styles import packs
from experiments.styles.packs import PACKS, Pack

SIDE = 24  # pixels
_FINER = 4  # drawn so many times larger, then averaged
SHARES = (0.65, 0.15)  # of the names, for train and validation; the rest is test


@dataclass(frozen=True)
class Icons:
    """N names in every style.

    Attributes:
        names: What is drawn, `(N,)`.
        images: Style → uint8 `(N, 24, 24, 3)`, in the order of the names.
        parts: `train`, `val`, `test` → indices of names; styles are learned from `train` names alone.
    """

    names: tuple[str, ...]
    images: Mapping[str, NDArray[np.uint8]]
    parts: Mapping[str, tuple[int, ...]]


def load(kept: Kept) -> Icons:
    """The icons, drawn once."""
    found = packs.load(kept)
    names = packs.names_in_all(found)

    def build(folder: object) -> None:
        np.savez(f"{folder}/icons.npz", **{style: _drawn(pack, names) for style, pack in found.items()})

    folder = kept.folder("icons", build, packs=dict(PACKS), side=SIDE, finer=_FINER)
    with np.load(folder / "icons.npz", allow_pickle=False) as arrays:
        images = {style: arrays[style] for style in PACKS}
    return Icons(names, images, deal(len(names)))


def deal(count: int) -> dict[str, tuple[int, ...]]:
    """Deal names to train, validation and test, always alike."""
    order = np.random.default_rng(0).permutation(count).tolist()
    first, second = (round(share * count) for share in np.cumsum(SHARES))
    pieces = order[:first], order[first:second], order[second:]
    return {part: tuple(sorted(piece)) for part, piece in zip(("train", "val", "test"), pieces, strict=True)}


def _drawn(pack: Pack, names: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.stack([_draw(pack.svg(name)) for name in names])


def _draw(svg: str) -> NDArray[np.uint8]:
    side = _FINER * SIDE
    png = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
    drawn = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return np.asarray(square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))
