"""The documents of a store on disk: which there are, what they say, and how a new one is published."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from taskvec.checkpoints import create_json_exclusive, write_json_atomic
from taskvec.errors import StoreError
from taskvec.store.decompositions import Decompositions
from taskvec.store.manifests import (
    BasisDocument,
    StoreDocument,
    TaskDocument,
    VectorDocument,
    document_data,
    load_document,
)
from taskvec.store.parts import PARTS, part_document

FOLDERS = ("vectors", "gram", "bases", "objects")
"""What every store consists of, beside ``store.json``; ``decompositions`` comes with the first of them."""

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
        """Return what the store knows of one vector, or of one of its parts.

        Args:
            name: ``NAME``, ``NAME.shared`` or ``NAME.unique``.

        Returns:
            The document; that of a part is made from its decomposition.

        Raises:
            StoreError: If there is no such vector, or it was not decomposed.
        """
        whole, _, part = name.partition(".")
        if not part:
            return load_document(VectorDocument, self._existing("vectors", name, "task vector"))
        vector = self.vector(whole)
        kind, _, group = part.partition(".")
        if kind not in PARTS or (group and kind != "shared"):
            raise StoreError(f"there is no part {part!r} of task vector {whole!r}: use one of {', '.join(PARTS)}")
        decomposition = self.decompositions.of(vector)
        if decomposition is None:
            raise StoreError(
                f"task vector {whole!r} in {self.path} has no {part} part: split it from others with taskvec decompose"
            )
        if group and group not in {member.name for member in decomposition.groups}:
            raise StoreError(f"task vector {whole!r} was not decomposed with a group {group!r}")
        return part_document(vector, part, decomposition)

    def part_names(self) -> tuple[str, ...]:
        """Return the names of all parts of vectors: ``NAME.shared`` and ``NAME.unique`` of all that were split."""
        split = self.decompositions.identities()
        names = [name for name in self.vector_names() if split and self.vector(name).identity in split]
        return tuple(f"{name}.{part}" for name in names for part in PARTS)

    @property
    def decompositions(self) -> Decompositions:
        """All decompositions."""
        return Decompositions(self.path)

    def basis(self, name: str) -> BasisDocument:
        """Return what the store knows of one basis."""
        return load_document(BasisDocument, self._existing("bases", name, "basis"))

    def names_of_tasks(self, basis: BasisDocument) -> tuple[str | None, ...]:
        """Return what each task of a basis is called now, by its content; None where its vector has left the store."""
        names = (*self.vector_names(), *self.part_names())
        there = {self.vector(name).source.fingerprint: name for name in names}
        return tuple(there.get(task.fingerprint) for task in basis.tasks)

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
        """Add a basis whose atoms are in place.

        Raises:
            StoreError: If another process collected them as garbage, because no document referred to them yet.
        """
        self._publish("bases", document.name, document, "basis")
        if not all((self.path / atom.path).exists() for atom in document.atoms):
            self.remove_basis(document.name)
            raise StoreError(f"the atoms of basis {document.name!r} were collected as garbage meanwhile: make it again")

    def replace_basis(self, document: BasisDocument) -> None:
        """Put a basis in the place of the one of its name; readers see the old one or the new."""
        self._existing("bases", document.name, "basis")
        write_json_atomic(self.path / "bases" / f"{document.name}.json", document_data(document))

    def remove_basis(self, name: str) -> None:
        """Forget a basis; its atoms stay until garbage is collected."""
        self._existing("bases", name, "basis").unlink()

    def rename_vector(self, name: str, new: str) -> tuple[str, ...]:
        """Give a vector another name, and its tasks in bases with it, those of its parts too.

        Every document is replaced whole, and the vector last: the same call finishes what a killed one began.

        Args:
            name: The vector.
            new: Its new name.

        Returns:
            The names of the bases in which a task was renamed.

        Raises:
            StoreError: If the new name is taken, here or in one of these bases.
        """
        document = self.vector(name)
        self.check_new_vector(new)
        bases = [basis for basis in map(self.basis, self.basis_names()) if self._tasks_named(basis, name)]
        renamed = [self._renamed(basis, self._tasks_named(basis, name), new) for basis in bases]
        for basis in renamed:
            self.replace_basis(basis)
        self.publish_vector(document.model_copy(update={"name": new}))
        self.remove_vector(name)
        return tuple(basis.name for basis in renamed)

    def rename_basis(self, name: str, new: str) -> None:
        """Give a basis another name."""
        document = self.basis(name)
        self.check_new_basis(new)
        self.publish_basis(document.model_copy(update={"name": new}))
        self.remove_basis(name)

    def used_objects(self) -> frozenset[str]:
        """Return the names in ``objects/`` that a vector, a basis or a decomposition refers to."""
        sources = [self.vector(name).source for name in self.vector_names()]
        sources += [document.factors for document in self.decompositions.all() if document.factors]
        sources += [atom for name in self.basis_names() for atom in self.basis(name).atoms]
        parts = [Path(source.path).parts for source in sources]
        return frozenset(part[1] for part in parts if part[0] == "objects")

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

    def bases_of(self, fingerprint: str) -> tuple[str, ...]:
        """Return the names of the bases that hold a vector of this content."""
        bases = [self.basis(name) for name in self.basis_names()]
        return tuple(basis.name for basis in bases if any(task.fingerprint == fingerprint for task in basis.tasks))

    def remove_vector(self, name: str) -> None:
        """Forget a vector."""
        self._existing("vectors", name, "task vector").unlink()

    def _tasks_named(self, basis: BasisDocument, name: str) -> frozenset[str]:
        """Return the tasks of a basis that are a vector of the store, or a part of it, by name and by content."""
        own = (task for task in basis.tasks if task.name.partition(".")[0] == name)
        return frozenset(task.name for task in own if self._is_there(task))

    def _is_there(self, task: TaskDocument) -> bool:
        try:
            return self.vector(task.name).source.fingerprint == task.fingerprint
        except StoreError:  # a part that was there once
            return False

    @staticmethod
    def _renamed(basis: BasisDocument, tasks: frozenset[str], new: str) -> BasisDocument:
        names = {task: new + task[len(task.partition(".")[0]) :] for task in tasks}
        taken = next((task.name for task in basis.tasks if task.name in names.values()), None)
        if taken is not None:
            raise StoreError(
                f"basis {basis.name!r} holds another task {taken!r}: choose another name, or take that task out first "
                f"(taskvec basis remove STORE {basis.name} {taken})"
            )
        renamed = (task.model_copy(update={"name": names.get(task.name, task.name)}) for task in basis.tasks)
        return basis.model_copy(update={"tasks": tuple(renamed)})

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
