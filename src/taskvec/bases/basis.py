"""A basis is a value: atoms, coefficients, certificate; what is recovered from it are task vectors like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.atom_forms import open_atoms
from taskvec.bases.basis_group import BasisGroup, with_unknown
from taskvec.bases.known_products import known_products
from taskvec.bases.notes import notes, notes_of_request
from taskvec.display import Displayed
from taskvec.errors import BasisError
from taskvec.linalg.certificate import Certificate, relative_size, residual_gram
from taskvec.linalg.encoders import Encoding
from taskvec.store.kinds.bases import BASES, BasisDocument
from taskvec.store.store import Store
from taskvec.vectors.coefficients import Coefficient, PerTensor
from taskvec.vectors.forms import Form
from taskvec.vectors.task_vector import TaskVector, summed

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Basis(Displayed):
    """Atoms for T task vectors of a store, and how to recover these: V̂ = ŜW in every group of tensors.

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
        return cls(store, store.documents.of(BASES).load(name))

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
        """M: atoms of the group that has most, the mean not counted."""
        return self.num_stored - self.document.has_mean

    @property
    def num_stored(self) -> int:
        """K: M, and one more where the mean of the task vectors is stored beside the atoms."""
        return self.document.random.count if self.document.random else len(self.document.atoms)

    @cached_property
    def groups(self) -> tuple[BasisGroup, ...]:
        """Atoms and coefficients of each group of tensors; one group where the whole model has one basis."""
        return tuple(BasisGroup.of(group, self.tasks) for group in self.document.groups)

    @property
    def encoder(self) -> Matrix | None:
        """B, ``(T, K)``; None where atoms are not made of these task vectors."""
        return self._single.encoder

    @property
    def decoder(self) -> Matrix:
        """W, ``(K, T)``."""
        return self._single.decoder

    @property
    def is_convex(self) -> bool:
        """Whether every atom is a convex combination of task vectors."""
        encoders = [group.encoder for group in self.groups]
        return all(encoder is not None and Encoding(encoder).is_convex for encoder in encoders)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the averages may hide, and what was asked in vain, in plain sentences."""
        return (*notes(self.certificate), *notes_of_request(self.document))

    @property
    def original_bytes(self) -> int:
        """Bytes of the T fine-tuned models, in their own dtypes."""
        return sum(task.nbytes for task in self.document.tasks)

    @cached_property
    def certificate(self) -> Certificate:
        """Its errors; what was unknown when tasks were added is known as soon as the store knows their products."""
        gram, residual = with_unknown(self.document.gram), with_unknown(self.document.residual)
        if np.isnan(gram).any():
            gram, residual = self._completed(gram, residual)
        optimum = self.document.optimal_error
        if optimum is None and len(self.document.groups) > 1:
            optimum = float("nan")
        return Certificate(self.tasks, self.num_stored, gram, residual, optimum)

    def _completed(self, gram: Matrix, residual: Matrix) -> tuple[Matrix, Matrix]:
        """Fill in G what the store knows by now, and R with it."""
        known = known_products(self.store, self.store.documents.names_of_tasks(self.document.tasks))
        none = np.zeros_like(gram)
        off = np.sum([residual_gram(none, g.atom_gram, g.cross, g.decoder) for g in self.groups], axis=0)
        is_new = np.isnan(gram) & ~np.isnan(known)
        return np.where(is_new, known, gram), np.where(is_new, known + off, residual)

    @cached_property
    def vectors(self) -> Mapping[str, TaskVector]:
        """The recovered vectors: τ̂_t = Σ_k W[k, t] · atom_k, each a combination of the same atoms."""
        return {task: self._combination(t) for t, task in enumerate(self.tasks)}

    @cached_property
    def atoms(self) -> tuple[Form, ...]:
        """The atoms as the engine reads them, the mean last where there is one."""
        return open_atoms(self.document, self.store.base, self.store.path, self.store.options)

    @cached_property
    def atom_vectors(self) -> tuple[TaskVector, ...]:
        """The M atoms as task vectors; the mean that a group may have beside its own is no part of any."""
        vectors = []
        for k, atom in enumerate(self.atoms[: self.num_atoms]):
            having = [group for group in self.groups if self._num_atoms_of(group) > k]
            ones = PerTensor({tensor: 1.0 for group in having for tensor in group.tensors})
            is_whole = len(having) == len(self.groups)
            vectors.append(TaskVector.from_terms(self.store.base, {atom: 1.0 if is_whole else ones}))
        return tuple(vectors)

    @property
    def atom_sum(self) -> TaskVector:
        """The sum of all atoms with weight 1, the mean left out: addition as the paper's code does it."""
        pairs = [pair for vector in self.atom_vectors for pair in vector.terms.items()]
        return TaskVector.from_terms(self.store.base, summed(pairs))

    @property
    def atom_sum_error(self) -> float:
        """The relative error of ``atom_sum`` against the sum of all task vectors."""
        product, square, truth = self._atom_sum_products()
        return relative_size(square - 2 * product + truth, truth)

    @property
    def atom_sum_cosine(self) -> float:
        """The cosine of ``atom_sum`` with the sum of all task vectors; its length is a matter of scaling."""
        product, square, truth = self._atom_sum_products()
        return product / float(np.sqrt(square * truth)) if square > 0 and truth > 0 else 0.0

    def _atom_sum_products(self) -> tuple[float, float, float]:
        pairs = [(group, self._num_atoms_of(group)) for group in self.groups]
        product = sum(float(group.cross[:count].sum()) for group, count in pairs)
        square = sum(float(group.atom_gram[:count, :count].sum()) for group, count in pairs)
        return product, square, float(self.certificate.gram.sum())

    def _num_atoms_of(self, group: BasisGroup) -> int:
        """Return the number of a group's atoms, its mean not counted."""
        return max(len(group.decoder) - self.document.has_mean, 0)

    def _combination(self, task: int) -> TaskVector:
        if len(self.groups) == 1:
            weights: list[Coefficient] = list(self._single.decoder[:, task].tolist())
        else:
            weights = [self._per_tensor(k, task) for k in range(self.num_stored)]
        return TaskVector.from_terms(self.store.base, summed(zip(self.atoms, weights, strict=True)))

    def _per_tensor(self, atom: int, task: int) -> PerTensor:
        having = [group for group in self.groups if len(group.decoder) > atom]
        return PerTensor({tensor: float(g.decoder[atom, task]) for g in having for tensor in g.tensors})

    @property
    def _single(self) -> BasisGroup:
        if len(self.groups) > 1:
            raise BasisError(
                f"basis {self.name!r} has coefficients for each {self.document.grouping}: look at its groups"
            )
        return self.groups[0]

    def to_json(self) -> dict[str, Any]:
        """Return what it is and how good it is, as the command line prints it."""
        return {
            "basis": self.name,
            "method": self.document.method,
            "num_atoms": self.num_atoms,
            "num_stored": self.num_stored,
            **self.certificate.to_json(),
            "bytes": self.document.nbytes,
            "original_bytes": self.original_bytes,
            "notes": list(self.notes),
            **self._groups_json(),
        }

    def _groups_json(self) -> dict[str, Any]:
        if len(self.groups) == 1:
            return {}
        return {"groups": {group.name: group.to_json() for group in self.groups}}


def list_bases(store: Store) -> list[dict[str, Any]]:
    """Describe every basis of a store in a few words.

    Args:
        store: The store.

    Returns:
        One dictionary a basis.
    """
    bases = [Basis.load(store, name) for name in store.documents.of(BASES).names()]
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
