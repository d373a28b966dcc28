"""The documents of one kind in a store: which there are, what they say, and how a new one is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from taskvec.checkpoints import create_json_exclusive, write_json_atomic
from taskvec.errors import StoreError
from taskvec.store.document import AnyDocument, document_data, load_document
from taskvec.store.kind import Kind, Sources

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Shelf(Generic[AnyDocument]):
    """The documents of a kind; each is published whole, and none is ever changed.

    Attributes:
        root: The folder of the store.
        kind: The kind.
    """

    root: Path
    kind: Kind[AnyDocument]

    def names(self) -> tuple[str, ...]:
        """Return the names of all documents, sorted; of numbered ones the newest first."""
        stems = [path.stem for path in self._folder.glob("*.json") if self._pattern.fullmatch(path.stem)]
        return tuple(sorted(stems, reverse=not self.kind.is_named))

    def all(self) -> Iterator[AnyDocument]:
        """Yield all documents in the order of their names."""
        yield from map(self.load, self.names())

    def load(self, name: str) -> AnyDocument:
        """Return a document.

        Raises:
            StoreError: If there is none of this name.
        """
        return load_document(self.kind.schema, self._existing(name))

    def objects(self, name: str) -> frozenset[str]:
        """Return the names in ``objects/`` that a document refers to."""
        return self._objects(name, self.load(name))

    def sources(self, name: str) -> Sources:
        """Return the checkpoints that a document refers to, and what each is of."""
        return self.kind.sources(name, self.load(name))

    def check_new(self, name: str) -> None:
        """Refuse a name that no new document can have.

        Raises:
            StoreError: If it is taken, or is no name.
        """
        noun = self.kind.noun
        if not _NAME.fullmatch(name) or name == "base":
            raise StoreError(f"{name!r} is no name for a {noun}: use letters, digits and _, and not 'base'")
        if name in self.names():
            raise StoreError(f"{noun} {name!r} exists already in {self.root}: choose another name, or remove it first")

    def publish(self, document: AnyDocument) -> None:
        """Add a document whose files are in place, under its name.

        Raises:
            StoreError: If another process took the name, or collected the files as garbage.
        """
        name, noun = _name_of(document), self.kind.noun
        self._publish(name, document, f"{noun} {name!r} was added meanwhile by another process: choose another name")

    def publish_next(self, document: AnyDocument) -> None:
        """Add a document whose files are in place, under the next number.

        Raises:
            StoreError: If another process published at the same moment, or collected the files as garbage.
        """
        there = self.names()
        name = f"{int(there[0]) + 1 if there else 1:06d}"
        self._publish(name, document, f"another {self.kind.noun} was added to {self.root} meanwhile: make it again")

    def replace(self, document: AnyDocument) -> None:
        """Put a document in the place of the one of its name; readers see the old one or the new."""
        write_json_atomic(self._existing(_name_of(document)), document_data(document))

    def rename(self, name: str, new: str) -> None:
        """Give a document another name."""
        document = self.load(name)
        self.check_new(new)
        self.publish(document.model_copy(update={"name": new}))
        self.remove(name)

    def remove(self, name: str) -> None:
        """Forget a document; its files stay until garbage is collected."""
        self._existing(name).unlink(missing_ok=True)

    def _objects(self, name: str, document: AnyDocument) -> frozenset[str]:
        paths = (Path(source.path).parts for _, source in self.kind.sources(name, document))
        return frozenset(parts[1] for parts in paths if parts[0] == "objects")

    @property
    def _pattern(self) -> re.Pattern[str]:
        return _NAME if self.kind.is_named else _NUMBER

    @property
    def _folder(self) -> Path:
        return self.root / self.kind.folder

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        if not self._pattern.fullmatch(name) or not path.is_file():
            known = ", ".join(self.names()[:10]) or "none"
            raise StoreError(f"there is no {self.kind.noun} {name!r} in {self.root} (it has: {known})")
        return path

    def _publish(self, name: str, document: AnyDocument, taken: str) -> None:
        self._folder.mkdir(exist_ok=True)
        try:
            create_json_exclusive(self._path(name), document_data(document))
        except FileExistsError as error:
            raise StoreError(taken) from error
        if not all((self.root / "objects" / kept).exists() for kept in self._objects(name, document)):
            self.remove(name)
            raise StoreError(
                f"the files of {self.kind.noun} {name!r} were collected as garbage meanwhile: make it again"
            )


def _name_of(document: Any) -> str:
    name: str = document.name
    return name
