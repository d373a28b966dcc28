"""Letters of a script in many font families, a little turned, shifted and scaled; the families of test are unseen."""

import json
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from string import ascii_uppercase

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.errors import DemoError
from demo.packages import REMEDY, package_file
from demo.pictures import SIDE, Pictures, square

SCRIPTS = {
    "latin": ascii_uppercase,
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
}
WEIGHTS = (300.0, 700.0)  # light and bold, as far as the family reaches
CANVAS = 2 * SIDE


@dataclass(frozen=True)
class Face:
    """One font file at one weight."""

    family: str
    file: Path
    weight: float | None  # None: the file has no weight axis


def font_packages() -> tuple[str, ...]:
    """The installed packages that hold one font family each."""
    names = {str(found.metadata["Name"]) for found in distributions()}
    return tuple(sorted(name for name in names if name.startswith("fontpkg-")))


def load(script: str, seed: int = 0) -> Pictures:
    """Every letter of `script` in two weights of every family that has the script.

    Raises:
        DemoError: Fewer than eight families are installed for the script.
    """
    letters = SCRIPTS[script]
    faces = [face for package in font_packages() for face in _faces(package, script)]
    families = {face.family for face in faces}
    if len(families) < 8:
        raise DemoError(f"only {len(families)} font families with {script} letters are installed; {REMEDY}")
    rng = np.random.default_rng(seed)
    images = [_draw(face, letter, rng) for face in faces for letter in letters]
    labels = np.tile(np.arange(len(letters)), len(faces))
    groups = np.repeat([face.family for face in faces], len(letters))
    return Pictures(np.stack(images), labels, groups, tuple(letters))


def _faces(package: str, script: str) -> list[Face]:
    folder = package.replace("-", "_")
    about = json.loads(package_file(package, f"{folder}/metadata.json").read_text(encoding="utf-8"))
    if script not in about["subsets"]:
        return []
    upright = [file for file in about["files"] if file["style"] == "normal"]
    return [face for file in upright for face in _weights(about["family"], package, folder, file)]


def _weights(family: str, package: str, folder: str, file: dict[str, object]) -> list[Face]:
    path = package_file(package, f"{folder}/{file['path']}")
    if file["variable"]:
        return [Face(family, path, weight) for weight in WEIGHTS]
    return [Face(family, path, None)] if file["weight"] in {400, 700} else []


def _font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(face.file), size)
    if face.weight is not None:
        font.set_variation_by_axes([_reach(axis, face.weight) for axis in font.get_variation_axes()])
    return font


def _reach(axis: ImageFont.Axis, weight: float) -> float:
    is_weight = axis["name"] == b"Weight"  # Pillow gives names, not tags
    return min(max(weight, axis["minimum"] or 0), axis["maximum"] or 0) if is_weight else axis["default"] or 0


def _draw(face: Face, letter: str, rng: np.random.Generator) -> np.ndarray:
    size = int(rng.uniform(0.55, 0.85) * CANVAS)
    angle = rng.uniform(-15, 15)
    centre = CANVAS / 2 + rng.uniform(-0.08, 0.08, size=2) * CANVAS
    picture = Image.new("L", (CANVAS, CANVAS), 255)
    ImageDraw.Draw(picture).text(tuple(centre), letter, fill=0, font=_font(face, size), anchor="mm")
    return square(picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=255))
