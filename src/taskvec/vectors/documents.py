"""The documents of a store on disk: which there are, what they say, and how a new one is published."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from taskvec.checkpoints import create_json_exclusive
from taskvec.errors import StoreError
from taskvec.vectors.manifests import BasisDocument, StoreDocument, VectorDocument, document_data, load_document

FOLDERS = ("vectors", "gram", "bases", "objects")
"""What a store consists of, beside ``store.json``."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Documents:
    """The documents in a store's folder; each is published whole, and none is ever changed.

    Attributes:
        path: The folder of the store.
    """

    path: Path

    def store(self) -> StoreDocument:
        """Return what the store knows of itself.

        Raises:
            StoreError: If the folder is no store.
        """
        path = self.path / "store.json"
        if not path.is_file():
            raise StoreError(f"{self.path} is no store: make one with taskvec store init {self.path} --base MODEL")
        return load_document(StoreDocument, path)

    def vector_names(self) -> tuple[str, ...]:
        """Return the names of all vectors, sorted."""
        return self._names("vectors")

    def basis_names(self) -> tuple[str, ...]:
        """Return the names of all bases, sorted."""
        return self._names("bases")

    def vector(self, name: str) -> VectorDocument:
        """Return what the store knows of one vector."""
        return load_document(VectorDocument, self._existing("vectors", name, "task vector"))

    def basis(self, name: str) -> BasisDocument:
        """Return what the store knows of one basis."""
        return load_document(BasisDocument, self._existing("bases", name, "basis"))

    def check_new_vector(self, name: str) -> None:
        """Refuse a name that no new vector can have."""
        self._check_new("vectors", name, "task vector")

    def check_new_basis(self, name: str) -> None:
        """Refuse a name that no new basis can have."""
        self._check_new("bases", name, "basis")

    def publish_vector(self, document: VectorDocument) -> None:
        """Add a vector."""
        self._publish("vectors", document.name, document, "task vector")

    def publish_basis(self, document: BasisDocument) -> None:
        """Add a basis whose atoms are in place."""
        self._publish("bases", document.name, document, "basis")

    def remove_vector(self, name: str) -> None:
        """Forget a vector."""
        self._existing("vectors", name, "task vector").unlink()

    def _names(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in (self.path / kind).glob("*.json") if _NAME.fullmatch(path.stem)))

    def _existing(self, kind: str, name: str, what: str) -> Path:
        path = self.path / kind / f"{name}.json"
        if not _NAME.fullmatch(name) or not path.is_file():
            known = ", ".join(self._names(kind)[:10]) or "none"
            raise StoreError(f"there is no {what} {name!r} in {self.path} (it has: {known})")
        return path

    def _check_new(self, kind: str, name: str, what: str) -> None:
        if not _NAME.fullmatch(name) or name == "base":
            raise StoreError(f"{name!r} is no name for a {what}: use letters, digits and _, and not 'base'")
        if name in self._names(kind):
            raise StoreError(f"{what} {name!r} exists already in {self.path}: choose another name, or remove it first")

    def _publish(self, kind: str, name: str, document: BaseModel, what: str) -> None:
        try:
            create_json_exclusive(self.path / kind / f"{name}.json", document_data(document))
        except FileExistsError as error:
            raise StoreError(f"{what} {name!r} was added meanwhile by another process: choose another name") from error
