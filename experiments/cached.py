"""Units of work that are kept under a key of all that decides them, so that a run that was cut goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.cache import Cache, key


class Kept:
    """The cache of one experiment: `value` and `folder` compute what is missing, once.

    Args:
        root: Where it is.
        shipped: Where folders lie that came with the experiment, under the names that they would have in the cache.
    """

    def __init__(self, root: Path, shipped: Path | None = None) -> None:
        self._cache = Cache(root)
        self.root = root
        self._shipped = shipped

    def value(self, name: str, compute: Callable[[], Any], **deciding: object) -> Any:
        """The JSON value of `compute()`.

        Args:
            name: What it is, such as `accuracy`.
            compute: Called when it is missing; it must return what JSON can hold.
            **deciding: Everything on which the value depends.
        """
        return self._cache.value(f"{name}-{key(**deciding)}", compute)

    def folder(self, name: str, build: Callable[[Path], None], **deciding: object) -> Path:
        """The folder that came with the experiment, else that which `build(draft)` fills, whole or not at all.

        Args:
            name: What it is, such as `finetuned-law`.
            build: Called with an empty folder when it is missing.
            **deciding: Everything on which the content depends.
        """
        wanted = f"{name}-{key(**deciding)}"
        if self._shipped is not None and (self._shipped / wanted).is_dir():
            return self._shipped / wanted
        return self._cache.folder(wanted, build)

    def holds(self, name: str, **deciding: object) -> bool:
        """Whether a value or folder is there already."""
        return self._cache.holds(f"{name}-{key(**deciding)}")
