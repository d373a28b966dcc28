"""Bases: T task vectors as M atoms that the store keeps, with their coefficients and their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import model_validator

from taskvec.store.document import STORE_VERSION, Document, SourceDocument, TaskDocument
from taskvec.store.kind import Kind, Owner

Rows = list[list[float]]
"""A matrix, row by row."""

UnknownRows = list[list[float | None]]
"""A matrix of which some numbers are not known."""


class GroupDocument(Document):
    """Some tensors of the model, and a basis of their own for T task vectors.

    Attributes:
        name: Its name.
        tensors: The tensors.
        encoder: B, ``(T, K)``: atom k is Σ_t B[t, k] τ_t, rounded once; None where atoms are not made of these tasks.
        decoder: W, ``(K, T)``: τ_t is recovered as Σ_k W[k, t] atom_k.
        atom_gram: H = ŜᵀŜ of the atoms as written, ``(K, K)``.
        cross: C = ŜᵀV, ``(K, T)``; null for a vector that never was in the store.
        energy: ‖τ_t‖² in these tensors, ``(T,)``; null likewise.
    """

    name: str
    tensors: tuple[str, ...]
    encoder: Rows | None
    decoder: Rows
    atom_gram: Rows
    cross: UnknownRows
    energy: list[float | None]


class RandomDocument(Document):
    """Atoms that are made from a seed and not stored."""

    seed: int
    count: int


class BasisDocument(Document):
    """A basis for T task vectors.

    Attributes:
        name: Its name.
        method: How it was made.
        wanted: What was asked for, as keywords of ``compress``, for making it again.
        grouping: What has a basis of its own: the model, each layer or each tensor.
        tasks: The T vectors.
        groups: Atoms and coefficients of each group; group g has the first K_g of the atoms.
        atoms: The atoms, as the store holds them.
        is_quantized: Whether atoms are int8 rows with a scale each.
        is_factored: Whether atoms are products of thin factors.
        random: Atoms that are not stored.
        has_mean: Whether the last atom is the mean of the task vectors.
        gram: VᵀV, ``(T, T)``; null where a vector was gone when the other was added.
        residual: (V̂ − V)ᵀ(V̂ − V), ``(T, T)``, from the atoms as written; null likewise.
        optimal_error: The least error with as many atoms in each group, where there are several.
        nbytes: Bytes of atoms and coefficients.
    """

    name: str
    method: str
    wanted: dict[str, Any]
    grouping: Literal["model", "layer", "tensor"]
    tasks: tuple[TaskDocument, ...]
    groups: tuple[GroupDocument, ...]
    atoms: tuple[SourceDocument, ...]
    is_quantized: bool = False
    is_factored: bool = False
    random: RandomDocument | None = None
    has_mean: bool = False
    optimal_error: float | None = None
    gram: UnknownRows
    residual: UnknownRows
    nbytes: int

    @model_validator(mode="after")
    def _check_shapes(self) -> BasisDocument:
        """Refuse matrices that do not fit together.

        Raises:
            ValueError: If one does not.
        """
        num_tasks = len(self.tasks)
        num_atoms = self.random.count if self.random else len(self.atoms)
        fits = [_is_shaped(self.gram, num_tasks, num_tasks), _is_shaped(self.residual, num_tasks, num_tasks)]
        for group in self.groups:
            count = len(group.decoder)
            fits += [count <= num_atoms, len(group.energy) == num_tasks, _is_shaped(group.decoder, count, num_tasks)]
            fits += [_is_shaped(group.cross, count, num_tasks), _is_shaped(group.atom_gram, count, count)]
            fits.append(group.encoder is None or _is_shaped(group.encoder, num_tasks, count))
        fits.append(max((len(group.decoder) for group in self.groups), default=-1) == num_atoms)
        if not all(fits):
            raise ValueError("its matrices do not have the shapes of its tasks and atoms")
        return self


class SharedBasisDocument(Document):
    """A basis outside of any store, for other machines.

    Attributes:
        base: Fingerprint of the base model.
        base_ref: The base as its owner named it.
        basis: The basis; paths are those of the store that it came from and mean nothing here.
    """

    format: Literal["taskvec basis"] = "taskvec basis"
    version: int = STORE_VERSION
    base: str
    base_ref: str
    basis: BasisDocument


def atom_owner(basis: str, index: int) -> Owner:
    """Return the owner of an atom's file."""
    return Owner(f"atom {index} of basis {basis!r}", "remove the basis, and compress again or import it again")


def _sources(name: str, document: BasisDocument) -> Iterator[tuple[Owner, SourceDocument]]:
    for index, atom in enumerate(document.atoms):
        yield atom_owner(name, index), atom


def _is_shaped(rows: Sequence[Sequence[float | None]], height: int, width: int) -> bool:
    return len(rows) == height and all(len(row) == width for row in rows)


BASES = Kind(
    "bases",
    "basis",
    BasisDocument,
    sources=_sources,
    tasks=lambda document: document.tasks,
    without="taskvec basis remove STORE {name} {task}",
)
