"""Take bases that the authors of Task Vector Bases released into a store.

Where the store holds the task vectors, under the names of the data sets, the certificate is exact; otherwise errors are
unknown, and all else works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.atom_forms import with_files
from taskvec.bases.atoms import atom_filename, hashing_atoms
from taskvec.bases.basis import Basis
from taskvec.bases.basis_group import without_nan
from taskvec.bases.measured import AtomProducts, atom_products, split_products
from taskvec.bases.official.files import OfficialBasis, read_official
from taskvec.checkpoints import Checkpoint, CheckpointWriter, StagedOutput, expected_checkpoint, open_checkpoint
from taskvec.linalg.certificate import residual_gram
from taskvec.store.document import SourceDocument, TaskDocument
from taskvec.store.kinds.bases import BASES, BasisDocument, GroupDocument
from taskvec.store.linked import described_by_content
from taskvec.store.store import Store
from taskvec.streaming import Folder, Foreseen, Pass, RunOptions, Staged, Steps, run_steps
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.forms import Dense, Form, Source
from taskvec.vectors.task_vector import Ref

Matrix = NDArray[np.float64]


def import_official(store: Store, folder: Ref, name: str | None = None) -> Basis:
    """Take a released basis into a store of its base model.

    Args:
        store: The store.
        folder: The folder of a run.
        name: The name of the basis; ``official`` if not given.

    Returns:
        The basis; its atoms are written anew, in float32.
    """
    document = run_steps(importing_official(store, folder, name), store.options)
    store.documents.of(BASES).publish(document)
    return Basis(store, document)


def importing_official(store: Store, folder: Ref, name: str | None = None) -> Steps[BasisDocument]:
    """Take the steps of :func:`import_official`, which publishes what they return."""
    name = name or "official"
    store.documents.of(BASES).check_new(name)
    writing = _OfficialAtoms.of(Path(folder).expanduser().absolute())
    align(store.base.checkpoint, [Dense(Source(atom.ref, atom)) for atom in writing.expected()])

    def begun() -> StagedOutput:
        return StagedOutput(store.documents.free_object(f"official-{name}"))

    def within(staging: Folder) -> Steps[BasisDocument]:
        atoms = yield from replace(writing, target=staging.path)
        products, gram = yield from _measuring(store, writing.official, atoms)
        digests = yield from hashing_atoms(atoms)
        return _document(store, writing.official, name, tuple(map(described_by_content, digests)), products, gram)

    def published(staged: StagedOutput, document: BasisDocument) -> BasisDocument:
        staged.publish()
        return with_files(document, staged.target, store.path)

    return (yield from Staged(store.path, begun, within, published))


@dataclass(frozen=True)
class _OfficialAtoms(Pass[tuple[Checkpoint, ...]]):
    """Writing released atoms anew.

    Attributes:
        official: What was released.
        folder: Where it was read.
        target: Where to write.
    """

    official: OfficialBasis
    folder: Path
    target: Path

    @classmethod
    def of(cls, folder: Path) -> _OfficialAtoms:
        return cls(read_official(folder), folder, folder)

    def expected(self) -> tuple[Checkpoint, ...]:
        refs = [f"atom {m} of {self.folder}" for m in range(len(self.official.atoms))]
        return tuple(map(expected_checkpoint, refs, map(_layout, self.official.atoms)))

    def foresee(self, options: RunOptions) -> Foreseen[tuple[Checkpoint, ...]]:  # noqa: ARG002
        layouts = map(_layout, self.official.atoms)
        sizes = [CheckpointWriter.plan_bytes(infos, filename=atom_filename(m)) for m, infos in enumerate(layouts)]
        return Foreseen(self.expected(), output_bytes=sum(sizes))

    def run(self, options: RunOptions) -> tuple[Checkpoint, ...]:  # noqa: ARG002
        for index, atom in enumerate(self.official.atoms):
            with CheckpointWriter(self.target, _layout(atom), filename=atom_filename(index)) as writer:
                for key, values in atom.items():
                    writer.write(key, 0, values.reshape(-1))
        return tuple(open_checkpoint(self.target / atom_filename(m)) for m in range(len(self.official.atoms)))


def _layout(atom: Mapping[str, NDArray[np.float32]]) -> list[TensorInfo]:
    return [TensorInfo(key, DType.F32, values.shape) for key, values in atom.items()]


def _vectors(store: Store, official: OfficialBasis) -> tuple[tuple[Form, ...], frozenset[Rule]]:
    """Return the task vectors where the store has all of them, else none; and the rules that they were added with."""
    if not all(task in store for task in official.tasks):
        return (), frozenset()
    documents = [store.documents.vector(task) for task in official.tasks]
    allow = frozenset(Rule(rule.rule) for document in documents for rule in document.rules)
    return tuple(store.form(document) for document in documents), allow


def _measuring(
    store: Store, official: OfficialBasis, atoms: Sequence[Checkpoint]
) -> Steps[tuple[AtomProducts, Matrix]]:
    """Take inner products of atoms and task vectors, and G; what needs vectors that are not there is NaN."""
    forms, (vectors, allow) = [Dense(Source(atom.ref, atom)) for atom in atoms], _vectors(store, official)
    products = split_products((yield from atom_products(store.base.checkpoint, forms, vectors, allow)), len(atoms))
    if vectors:
        return products, (yield from store.gramming(official.tasks)).total
    count = len(official.tasks)
    cross = dict.fromkeys(products.atom_gram, np.full((len(atoms), count), np.nan))
    return AtomProducts(products.atom_gram, cross), np.full((count, count), np.nan)


def _document(
    store: Store,
    official: OfficialBasis,
    name: str,
    atoms: tuple[SourceDocument, ...],
    products: AtomProducts,
    gram: Matrix,
) -> BasisDocument:
    atom_gram = np.sum(list(products.atom_gram.values()), axis=0)
    cross = np.sum(list(products.cross.values()), axis=0)
    group = GroupDocument(
        name="model",
        tensors=tuple(products.atom_gram),
        encoder=None if official.encoder is None else official.encoder.tolist(),
        decoder=official.decoder.tolist(),
        atom_gram=atom_gram.tolist(),
        cross=without_nan(cross),
        energy=without_nan(np.diag(gram)[None])[0],
    )
    is_pca = official.method == "pca"
    return BasisDocument(
        name=name,
        method=official.method,
        wanted={"method": official.method, "num_atoms": len(official.atoms) - is_pca},
        grouping="model",
        tasks=tuple(_task(store, task) for task in official.tasks),
        groups=(group,),
        atoms=atoms,
        has_mean=is_pca,
        gram=without_nan(gram),
        residual=without_nan(residual_gram(gram, atom_gram, cross, official.decoder)),
        nbytes=official.decoder.nbytes,
    )


def _task(store: Store, task: str) -> TaskDocument:
    if task not in store:
        return TaskDocument(name=task, fingerprint="", nbytes=store.documents.store().base.nbytes)
    source = store.documents.vector(task).source
    return TaskDocument(name=task, fingerprint=source.fingerprint, nbytes=source.nbytes)
