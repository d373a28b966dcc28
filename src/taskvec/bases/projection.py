"""Tasks that join a basis by **projection**: w = H⁺c with c = Ŝᵀτ; atoms and all other tasks stay as they are (ours).

One pass reads the base, the K atoms and the N new task vectors, for K·(K + N) inner products of P terms each: for given
atoms, time grows with the new tasks alone. Products of task vectors with each other would take T² of them and are not
taken here: those that the store knows are kept, and errors of expressions over two tasks whose product it does not know
are unknown, until it does. The error of every single task is exact. All but the pass is arithmetic on T × T numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.basis import Basis
from taskvec.bases.basis_group import BasisGroup, without_nan
from taskvec.bases.known_products import known_products
from taskvec.bases.measured import atom_products
from taskvec.errors import BasisError
from taskvec.linalg.certificate import decoding
from taskvec.store.document import TaskDocument
from taskvec.store.kinds.bases import BasisDocument, GroupDocument
from taskvec.store.kinds.vectors import VectorDocument
from taskvec.store.pass_journal import NotedProducts, pass_journal
from taskvec.store.store import Store
from taskvec.store.store_gram import StoreGram
from taskvec.streaming import Steps
from taskvec.vectors.alignment import Rule
from taskvec.vectors.forms import Form
from taskvec.vectors.inner_products import MissingProducts

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def projecting(basis: Basis, atoms: Sequence[Form], tasks: Sequence[str]) -> Steps[BasisDocument]:
    """Find out what a basis is with more tasks; the basis in the store is not touched.

    Args:
        basis: The basis of T tasks.
        atoms: Its atoms.
        tasks: The names of N vectors of the store; a name that is given twice counts once.

    Returns:
        The document; all numbers have the bits that they get when the tasks join one after another.

    Raises:
        BasisError: If the basis has a task of such a name.
    """
    names = _new_names(basis, tasks)
    store, vectors = basis.store, [basis.store.documents.vector(name) for name in names]
    newcomers = yield from _measuring(basis, atoms, vectors)
    known = known_products(store, [*store.documents.names_of_tasks(basis.document.tasks), *names])
    decoders = [decoding(group.atom_gram) for group in basis.groups]
    grown = _Grown(basis.groups, basis.certificate.gram, basis.certificate.residual)
    for newcomer in newcomers:
        grown = grown.joined_by(newcomer, decoders, known)
    return basis.document.model_copy(
        update={
            "tasks": (*basis.document.tasks, *map(_task, vectors)),
            "groups": tuple(map(_described, grown.groups)),
            "optimal_error": None,
            "gram": without_nan(grown.gram),
            "residual": without_nan(grown.residual),
            "nbytes": basis.document.nbytes + 8 * len(names) * sum(len(group.decoder) for group in basis.groups),
        }
    )


def _new_names(basis: Basis, tasks: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(tasks))
    there = next((name for name in names if name in basis.tasks), None)
    if there is not None:
        raise BasisError(f"basis {basis.name!r} holds a task {there!r} already: rename the new one, or refit (--refit)")
    return names


@dataclass(frozen=True)
class _Newcomer:
    """A task vector and what was measured of it.

    Attributes:
        name: Its name.
        cross: Ŝᵀτ of each tensor, ``(K,)``.
        energy: ‖τ‖² of each tensor.
    """

    name: str
    cross: Mapping[str, Vector]
    energy: Mapping[str, float]

    def column(self, group: BasisGroup, decode: Callable[[Matrix], Matrix]) -> _Column:
        """Return what it adds to a group."""
        count = len(group.decoder)
        cross = sum((self.cross[name][:count] for name in group.tensors), np.zeros(count))
        energy = sum(self.energy[name] for name in group.tensors)
        return _Column(group, cross, energy, decode(cross[:, None])[:, 0])


@dataclass(frozen=True)
class _Column:
    """One more task in one group: c, ‖τ‖² and w = H⁺c."""

    group: BasisGroup
    cross: Vector
    energy: float
    weights: Vector

    def mixed(self) -> Vector:
        """⟨τ̂_t − τ_t, τ̂ − τ⟩ − ⟨τ_t, τ⟩ with every other task t, and with itself last, ``(T + 1,)``."""
        group, w, c = self.group, self.weights, self.cross
        others = group.decoder.T @ group.atom_gram @ w - group.cross.T @ w - group.decoder.T @ c
        return np.append(others, w @ group.atom_gram @ w - 2 * c @ w)

    def joined(self, task: str) -> BasisGroup:
        """Return the group with the task."""
        group = self.group
        return replace(
            group,
            tasks=(*group.tasks, task),
            encoder=None,
            decoder=np.column_stack([group.decoder, self.weights]),
            cross=np.column_stack([group.cross, self.cross]),
            energy=np.append(group.energy, self.energy),
        )


@dataclass(frozen=True)
class _Grown:
    """Groups, G and R of the tasks that joined so far."""

    groups: Sequence[BasisGroup]
    gram: Matrix
    residual: Matrix

    def joined_by(self, newcomer: _Newcomer, decoders: Sequence[Callable[[Matrix], Matrix]], known: Matrix) -> _Grown:
        """Return the same with one more task; of its row of G, what is known."""
        columns = list(starmap(newcomer.column, zip(self.groups, decoders, strict=True)))
        row = known[len(self.gram), : len(self.gram) + 1]
        off = row + np.sum([column.mixed() for column in columns], axis=0)
        groups = [column.joined(newcomer.name) for column in columns]
        return _Grown(groups, _bordered(self.gram, row), _bordered(self.residual, off))


def _measuring(basis: Basis, atoms: Sequence[Form], vectors: Sequence[VectorDocument]) -> Steps[list[_Newcomer]]:
    """Take the inner products of vectors with the atoms, in as few passes as there can be, and their squared norms."""
    store, by_name = basis.store, dict[str, Mapping[str, Vector]]()
    for turn in _turns(basis, vectors):
        found = yield from NotedProducts(_products(store, atoms, turn), partial(pass_journal, store.path))
        for n, vector in enumerate(turn, len(atoms)):
            by_name[vector.name] = {tensor: product[:, n] for tensor, product in found.items()}
    squares = yield from _squaring(store, [vector.name for vector in vectors])
    energies = np.diagonal(squares.per_tensor, axis1=1, axis2=2)
    return [
        _Newcomer(name, by_name[name], dict(zip(squares.tensors, energies[:, n].tolist(), strict=True)))
        for n, name in enumerate(squares.names)
    ]


def _turns(basis: Basis, vectors: Sequence[VectorDocument]) -> list[list[VectorDocument]]:
    """Part vectors by passes: thin factors beside thin atoms are no pass, and are multiplied one vector at a time."""
    is_thin = basis.document.is_factored
    thin = [[vector] for vector in vectors if is_thin and vector.is_low_rank]
    wide = [vector for vector in vectors if not (is_thin and vector.is_low_rank)]
    return [*thin, wide] if wide else thin


def _products(store: Store, atoms: Sequence[Form], vectors: Sequence[VectorDocument]) -> MissingProducts:
    allow = {Rule(rule.rule) for vector in vectors for rule in vector.rules}
    forms = [store.form(vector) for vector in vectors]
    return atom_products(store.base.checkpoint, atoms, forms, allow, f"measure {len(atoms)} atoms")


def _squaring(store: Store, names: Sequence[str]) -> Steps[StoreGram]:
    """Return what is known of some vectors, their squared norms at least, which the store mostly knows."""
    gram = store.known_gram(names)
    unknown = [name for name, square in zip(gram.names, np.diag(gram.total), strict=True) if np.isnan(square)]
    for name in unknown:
        yield from store.gramming([name])
    return store.known_gram(names) if unknown else gram


def _bordered(matrix: Matrix, row: Vector) -> Matrix:
    """Return a symmetric matrix with one more row and column."""
    size = len(matrix)
    bordered = np.empty((size + 1, size + 1))
    bordered[:size, :size] = matrix
    bordered[size] = bordered[:, size] = row
    return bordered


def _task(vector: VectorDocument) -> TaskDocument:
    return TaskDocument(name=vector.name, fingerprint=vector.source.fingerprint, nbytes=vector.source.nbytes)


def _described(group: BasisGroup) -> GroupDocument:
    return GroupDocument(
        name=group.name,
        tensors=group.tensors,
        encoder=None,
        decoder=group.decoder.tolist(),
        atom_gram=group.atom_gram.tolist(),
        cross=without_nan(group.cross),
        energy=without_nan(group.energy[None])[0],
    )
