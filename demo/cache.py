"""Keep what was computed once under a key made of all that decides it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def key(**ingredients: object) -> str:
    """A short name that changes whenever an ingredient does."""
    text = json.dumps(ingredients, sort_keys=True, default=vars)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def file_key(files: list[Path]) -> str:
    """A short name of the files' content."""
    digest = hashlib.blake2b(digest_size=10)
    for path in sorted(files):
        with path.open("rb") as file:
            while piece := file.read(1 << 24):
                digest.update(piece)
    return digest.hexdigest()


class Cache:
    """Folders published by one rename: each is there whole, or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str, build: Callable[[Path], None]) -> Path:
        """The folder `name`, made by `build` when it is missing."""
        final = self.root / name
        if final.exists():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=final.parent))
        try:
            build(draft)
            self._publish(draft, final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return final

    def holds(self, name: str) -> bool:
        """Whether the folder `name` is there already."""
        return (self.root / name).exists()

    def value(self, name: str, compute: Callable[[], Any]) -> Any:
        """The JSON value kept as `name`, computed when it is missing."""

        def build(folder: Path) -> None:
            (folder / "value.json").write_text(json.dumps(compute()), encoding="utf-8")

        return json.loads((self.folder(name, build) / "value.json").read_text(encoding="utf-8"))

    @staticmethod
    def _publish(draft: Path, final: Path) -> None:
        draft.chmod(0o755)
        try:
            os.replace(draft, final)  # noqa: PTH105 (a folder over a missing or empty one)
        except OSError:
            if not final.exists():  # else another run was first, with the same content
                raise
