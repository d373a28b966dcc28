"""The documents of a store on disk: the store's own, and those of every kind that it keeps."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskvec.errors import StoreError
from taskvec.expressions.leaves import PARTS, Named
from taskvec.store.document import AnyDocument, SourceDocument, StoreDocument, TaskDocument, load_document
from taskvec.store.kind import Kind
from taskvec.store.kinds import KINDS
from taskvec.store.kinds.decompositions import DECOMPOSITIONS, DecompositionDocument, identities, newest_of
from taskvec.store.kinds.vectors import VECTORS, VectorDocument
from taskvec.store.parts import part_document
from taskvec.store.shelf import Shelf

FOLDERS = (*(kind.folder for kind in KINDS if kind.is_named), "gram", "objects")
"""What every store consists of, beside ``store.json``; a numbered kind's folder comes with its first document."""


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

    def of(self, kind: Kind[AnyDocument]) -> Shelf[AnyDocument]:
        """Return the documents of a kind."""
        return Shelf(self.path, kind)

    def kind_of(self, name: str) -> Kind[Any]:
        """Return the kind of what users call by a name; that of task vectors where there is nothing of the name."""
        return next((kind for kind in KINDS if kind.is_named and name in self.of(kind).names()), VECTORS)

    def vector_names(self) -> tuple[str, ...]:
        """Return the names of all vectors, sorted."""
        return self.of(VECTORS).names()

    def vector(self, name: str) -> VectorDocument:
        """Return what the store knows of one vector, or of one of its parts.

        Args:
            name: ``NAME``, ``NAME.shared`` or ``NAME.unique``.

        Returns:
            The document; that of a part is made from its decomposition.

        Raises:
            StoreError: If there is no such vector, or it was not decomposed.
        """
        named = Named.of(name)
        if not named.part:
            return self.of(VECTORS).load(name)
        whole, part, group = named.name, named.part_text, named.group
        vector = self.vector(whole)
        if named.part not in PARTS or (group and named.part != "shared"):
            raise StoreError(f"there is no part {part!r} of task vector {whole!r}: use one of {', '.join(PARTS)}")
        decomposition = self.decomposition_of(vector)
        if decomposition is None:
            raise StoreError(
                f"task vector {whole!r} in {self.path} has no {part} part: split it from others with taskvec decompose"
            )
        if group and group not in {member.name for member in decomposition.groups}:
            raise StoreError(f"task vector {whole!r} was not decomposed with a group {group!r}")
        return part_document(vector, named, decomposition)

    def part_names(self) -> tuple[str, ...]:
        """Return the names of all parts of vectors: ``NAME.shared`` and ``NAME.unique`` of all that were split."""
        split = frozenset[str]().union(*map(identities, self.of(DECOMPOSITIONS).all()))
        names = [name for name in self.vector_names() if split and self.vector(name).identity in split]
        return tuple(str(Named(name, part)) for name in names for part in PARTS)

    def decomposition_of(self, vector: VectorDocument) -> DecompositionDocument | None:
        """Return the newest decomposition of a vector; None if it was never decomposed."""
        return newest_of(self.of(DECOMPOSITIONS), vector.identity)

    def names_of_tasks(self, tasks: Sequence[TaskDocument]) -> tuple[str | None, ...]:
        """Return what each of some tasks is called now, by its content; None where its vector has left the store."""
        names = (*self.vector_names(), *self.part_names())
        there = {self.vector(name).source.fingerprint: name for name in names}
        return tuple(there.get(task.fingerprint) for task in tasks)

    def rename_vector(self, name: str, new: str) -> tuple[str, ...]:
        """Give a vector another name, and its tasks in bases and the like with it, those of its parts too.

        Every document is replaced whole, and the vector last: the same call finishes what a killed one began.

        Args:
            name: The vector.
            new: Its new name.

        Returns:
            The names of the documents in which a task was renamed.

        Raises:
            StoreError: If the new name is taken, here or in one of these documents.
        """
        vectors = self.of(VECTORS)
        document = vectors.load(name)
        vectors.check_new(new)
        renamed = [(shelf, self._renamed(shelf, holder, name, new)) for shelf, holder in self._holders()]
        changed = [(shelf, holder) for shelf, holder in renamed if holder is not None]
        for shelf, holder in changed:
            shelf.replace(holder)
        vectors.publish(document.model_copy(update={"name": new}))
        vectors.remove(name)
        return tuple(holder.name for _, holder in changed)

    def holders_of(self, fingerprint: str) -> tuple[str, ...]:
        """Return the names of the bases, and of whatever else has tasks, that hold a vector of this content."""
        return tuple(
            holder.name
            for shelf, holder in self._holders()
            if any(task.fingerprint == fingerprint for task in shelf.kind.tasks(holder))
        )

    def used_objects(self) -> frozenset[str]:
        """Return the names in ``objects/`` that a document of any kind refers to."""
        shelves = [self.of(kind) for kind in KINDS]
        return frozenset[str]().union(*(shelf.objects(name) for shelf in shelves for name in shelf.names()))

    def sources(self) -> Iterator[SourceDocument]:
        """Yield the base and every checkpoint that a document refers to."""
        yield self.store().base
        for shelf in map(self.of, KINDS):
            for name in shelf.names():
                yield from (source for _, source in shelf.sources(name))

    def free_object(self, name: str) -> Path:
        """Return a folder in ``objects/`` that nothing refers to, and remove what a killed run left there.

        Args:
            name: How the folder is called, up to a number.

        Returns:
            The folder, which does not exist.
        """
        used = self.used_objects()
        free = next(other for n in itertools.count(1) if (other := f"{name}-{n}") not in used)
        folder = self.path / "objects" / free
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _holders(self) -> Iterator[tuple[Shelf[Any], Any]]:
        """Yield every document that has tasks, and where it lies."""
        for shelf in map(self.of, KINDS):
            yield from ((shelf, document) for document in shelf.all() if shelf.kind.tasks(document))

    def _renamed(self, shelf: Shelf[Any], holder: Any, name: str, new: str) -> Any | None:
        """Return a document with the tasks renamed that are a vector, or a part of it; None where there are none.

        Raises:
            StoreError: If the document has another task of the new name.
        """
        tasks = shelf.kind.tasks(holder)
        own = [task.name for task in tasks if Named.of(task.name).name == name and self._is_there(task)]
        names = {task: str(Named.of(task)._replace(name=new)) for task in own}
        taken = next((task.name for task in tasks if task.name in names.values()), None)
        if taken is not None:
            without = shelf.kind.without.format(name=holder.name, task=taken)
            raise StoreError(
                f"{shelf.kind.noun} {holder.name!r} holds another task {taken!r}: choose another name, or take that "
                f"task out first ({without})"
            )
        renamed = tuple(task.model_copy(update={"name": names.get(task.name, task.name)}) for task in tasks)
        return holder.model_copy(update={"tasks": renamed}) if names else None

    def _is_there(self, task: TaskDocument) -> bool:
        try:
            return self.vector(task.name).source.fingerprint == task.fingerprint
        except StoreError:  # a part that was there once
            return False
