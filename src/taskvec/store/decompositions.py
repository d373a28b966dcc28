"""The decompositions of a store: numbered documents, of which the newest counts for each task vector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints import create_json_exclusive
from taskvec.errors import StoreError
from taskvec.store.manifests import DecompositionDocument, VectorDocument, document_data, load_document


@dataclass(frozen=True)
class Decompositions:
    """The folder ``decompositions/`` of a store; a document is published whole and never changed.

    Attributes:
        root: The folder of the store.
    """

    root: Path

    def all(self) -> tuple[DecompositionDocument, ...]:
        """Return all decompositions, the newest first."""
        return tuple(load_document(DecompositionDocument, path) for path in self._paths())

    def identities(self) -> frozenset[str]:
        """Return the identities of all vectors that were decomposed."""
        return frozenset(task.fingerprint for document in self.all() for task in document.tasks)

    def of(self, vector: VectorDocument) -> DecompositionDocument | None:
        """Return the newest decomposition of a vector; None if it was never decomposed."""
        having = (found for found in self.all() if any(task.fingerprint == vector.identity for task in found.tasks))
        return next(having, None)

    def publish(self, document: DecompositionDocument) -> None:
        """Add a decomposition and forget those that it makes useless: of these tasks, or of some of them.

        Args:
            document: What to add; its factors are in place.

        Raises:
            StoreError: If another process published at the same moment, or collected the factors as garbage.
        """
        old = self._paths()
        path = self.root / "decompositions" / f"{int(old[0].stem) + 1 if old else 1:06d}.json"
        path.parent.mkdir(exist_ok=True)
        try:
            create_json_exclusive(path, document_data(document))
        except FileExistsError as error:
            raise StoreError(f"{path}: was added meanwhile by another process: decompose again") from error
        if document.factors and not (self.root / document.factors.path).exists():
            path.unlink()
            raise StoreError(f"{path}: its factors were collected as garbage meanwhile: decompose again")
        split = {task.fingerprint for task in document.tasks}
        for other in old:
            if {task.fingerprint for task in load_document(DecompositionDocument, other).tasks} <= split:
                other.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted((self.root / "decompositions").glob("[0-9]*.json"), reverse=True)
