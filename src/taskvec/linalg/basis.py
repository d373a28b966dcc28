"""A basis is a value: atoms, coefficients, certificate; what is recovered from it are task vectors like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.certificate import Certificate
from taskvec.vectors.forms import Dense, Form
from taskvec.vectors.linked import open_source
from taskvec.vectors.manifests import BasisDocument
from taskvec.vectors.store import Store
from taskvec.vectors.task_vector import TaskVector


@dataclass(frozen=True)
class Basis:
    """M atoms for T task vectors of a store: V̂ = ŜW.

    Attributes:
        store: The store that holds it.
        document: What the store knows of it.
    """

    store: Store
    document: BasisDocument

    @classmethod
    def load(cls, store: Store, name: str) -> Basis:
        """Take a basis from a store; the vectors that it was made from need not be there any more.

        Args:
            store: The store.
            name: The basis.

        Returns:
            The basis.
        """
        return cls(store, store.documents.basis(name))

    def __repr__(self) -> str:
        return f"<Basis {self.name}: {len(self.tasks)} task vectors in {self.num_atoms} atoms, {self.document.method}>"

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.document.name

    @property
    def tasks(self) -> tuple[str, ...]:
        """The T names, in the order of all its matrices."""
        return tuple(task.name for task in self.document.tasks)

    @property
    def num_atoms(self) -> int:
        """M."""
        return len(self.document.atoms)

    @property
    def encoder(self) -> NDArray[np.float64]:
        """B, ``(T, M)``."""
        return np.array(self.document.encoder)

    @property
    def decoder(self) -> NDArray[np.float64]:
        """W, ``(M, T)``."""
        return np.array(self.document.decoder)

    @property
    def original_bytes(self) -> int:
        """Bytes of the T fine-tuned models, in their own dtypes."""
        return sum(task.nbytes for task in self.document.tasks)

    @cached_property
    def certificate(self) -> Certificate:
        """Its errors."""
        return Certificate(self.tasks, self.num_atoms, np.array(self.document.gram), np.array(self.document.residual))

    @cached_property
    def vectors(self) -> Mapping[str, TaskVector]:
        """The recovered vectors: τ̂_t = Σ_m W[m, t] · atom_m, each a combination of the same M atoms."""
        atoms = [self._atom(m) for m in range(self.num_atoms)]
        return {
            task: TaskVector.from_terms(self.store.base, dict(zip(atoms, column, strict=True)))
            for task, column in zip(self.tasks, self.decoder.T.tolist(), strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """Return what it is and how good it is, as the command line prints it."""
        return {
            "basis": self.name,
            "method": self.document.method,
            "num_atoms": self.num_atoms,
            **self.certificate.to_json(),
            "bytes": self.document.nbytes,
            "original_bytes": self.original_bytes,
        }

    def _atom(self, index: int) -> Form:
        owner = f"atom {index} of basis {self.name!r}"
        return Dense(open_source(self.document.atoms[index], self.store.path, owner, self.store.options))


def list_bases(store: Store) -> list[dict[str, Any]]:
    """Describe every basis of a store in a few words.

    Args:
        store: The store.

    Returns:
        One dictionary a basis.
    """
    bases = [Basis.load(store, name) for name in store.documents.basis_names()]
    return [
        {
            "name": basis.name,
            "method": basis.document.method,
            "num_atoms": basis.num_atoms,
            "tasks": list(basis.tasks),
            "relative_error": basis.certificate.relative_error,
            "bytes": basis.document.nbytes,
        }
        for basis in bases
    ]
