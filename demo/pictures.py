"""Labelled pictures: the one form in which every source hands over its data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 56  # pixels: 4 × 4 patches of 14


@dataclass(frozen=True)
class Pictures:
    """N pictures with labels, and the group that must not be torn apart by a split.

    Attributes:
        images: uint8, `(N, SIDE, SIDE, 3)`.
        labels: int64, `(N,)`.
        groups: str, `(N,)`: pictures of one group (a font family, an icon) stay in one part of a split.
        classes: The names of the labels.
    """

    images: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "Pictures":
        """The pictures at `rows`, in that order."""
        return Pictures(self.images[rows], self.labels[rows], self.groups[rows], self.classes)


def square(picture: Image.Image) -> np.ndarray:
    """`picture` on white, as uint8 `(SIDE, SIDE, 3)`."""
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    flat = Image.alpha_composite(white, rgba).convert("RGB")
    return np.asarray(flat.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def from_grey(images: np.ndarray, labels: np.ndarray, classes: Iterable[str]) -> Pictures:
    """Pictures from grey uint8 arrays `(N, H, W)`, each its own group."""
    squares = np.stack([square(Image.fromarray(image)) for image in images])
    groups = np.array([str(row) for row in range(len(labels))])
    return Pictures(squares, labels.astype(np.int64), groups, tuple(classes))


def without_duplicates(pictures: Pictures) -> Pictures:
    """`pictures` with exact repetitions of an image dropped; the first one stays."""
    seen: dict[bytes, int] = {}
    for row, image in enumerate(pictures.images):
        seen.setdefault(image.tobytes(), row)
    return pictures.take(np.array(sorted(seen.values())))
