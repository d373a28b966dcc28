"""Take bases that the authors of Task Vector Bases released into a store.

Where the store holds the task vectors, under the names of the data sets, the certificate is exact; otherwise errors are
unknown, and all else works.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint, CheckpointWriter, StagedOutput, open_checkpoint
from taskvec.linalg.atoms import atom_filename
from taskvec.linalg.basis import Basis
from taskvec.linalg.basis_group import without_nan
from taskvec.linalg.certificate import residual_gram
from taskvec.linalg.measured import AtomProducts, measure_atoms
from taskvec.linalg.official_files import OfficialBasis, read_official
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Rule
from taskvec.vectors.fingerprints import digest_checkpoint
from taskvec.vectors.forms import Dense, Source
from taskvec.vectors.linked import describe_source
from taskvec.vectors.manifests import BasisDocument, GroupDocument, SourceDocument, TaskDocument
from taskvec.vectors.store import Store
from taskvec.vectors.task_vector import Ref

Matrix = NDArray[np.float64]


def import_official(store: Store, folder: Ref, name: str) -> Basis:
    """Take a released basis into a store of its base model.

    Args:
        store: The store.
        folder: The folder of a run.
        name: The name of the basis.

    Returns:
        The basis; its atoms are written anew, in float32.
    """
    source = Path(folder).expanduser().absolute()
    store.documents.check_new_basis(name)
    official = read_official(source)
    atoms = _write_atoms(store, official, name)
    with_vectors = all(task in store for task in official.tasks)
    products, gram, energy = _measured(store, official, atoms) if with_vectors else _unmeasured(store, official, atoms)
    document = _document(store, official, name, atoms, products, gram, energy)
    store.documents.publish_basis(document)
    return Basis(store, document)


def _write_atoms(store: Store, official: OfficialBasis, name: str) -> tuple[SourceDocument, ...]:
    folder = store.documents.free_object(f"official-{name}")
    with StagedOutput(folder) as staged:
        for index, atom in enumerate(official.atoms):
            infos = [TensorInfo(key, DType.F32, values.shape) for key, values in atom.items()]
            with CheckpointWriter(staged.directory, infos, filename=atom_filename(index)) as writer:
                for key, values in atom.items():
                    writer.write(key, 0, values.reshape(-1))
        staged.publish()
    documents = []
    for index in range(len(official.atoms)):
        with open_checkpoint(folder / atom_filename(index)) as atom_file:
            digests = digest_checkpoint(atom_file, store.options)
            documents.append(describe_source(atom_file, digests, atom_filename(index), store.path))
    return tuple(documents)


def _measured(
    store: Store, official: OfficialBasis, atoms: tuple[SourceDocument, ...]
) -> tuple[AtomProducts, Matrix, Matrix]:
    """Return inner products of atoms and task vectors, G, and the energy of each task."""
    documents = [store.documents.vector(task) for task in official.tasks]
    allow = frozenset(Rule(rule.rule) for document in documents for rule in document.rules)
    forms = [store.form(document) for document in documents]
    products = measure_atoms(store.base.checkpoint, _forms(store, atoms), forms, allow, store.options)
    gram = store.gram(official.tasks).total
    return products, gram, np.diag(gram)


def _unmeasured(
    store: Store, official: OfficialBasis, atoms: tuple[SourceDocument, ...]
) -> tuple[AtomProducts, Matrix, Matrix]:
    """Return inner products of the atoms alone; all that needs task vectors is NaN."""
    products = measure_atoms(store.base.checkpoint, _forms(store, atoms), (), (), store.options)
    count = len(official.tasks)
    unknown = np.full((len(official.atoms), count), np.nan)
    cross = dict.fromkeys(products.atom_gram, unknown)
    return AtomProducts(products.atom_gram, cross), np.full((count, count), np.nan), np.full(count, np.nan)


def _forms(store: Store, atoms: tuple[SourceDocument, ...]) -> list[Dense]:
    opened: list[Checkpoint] = [open_checkpoint(store.path / atom.path) for atom in atoms]
    sources = zip(atoms, opened, strict=True)
    return [Dense(Source(atom.fingerprint, checkpoint, is_hashed=True)) for atom, checkpoint in sources]


def _document(
    store: Store,
    official: OfficialBasis,
    name: str,
    atoms: tuple[SourceDocument, ...],
    products: AtomProducts,
    gram: Matrix,
    energy: Matrix,
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
        energy=without_nan(energy[None])[0],
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
        nbytes=sum(state.size for atom in atoms for state in atom.files) + official.decoder.nbytes,
    )


def _task(store: Store, task: str) -> TaskDocument:
    if task not in store:
        return TaskDocument(name=task, fingerprint="", nbytes=store.documents.store().base.nbytes)
    source = store.documents.vector(task).source
    return TaskDocument(name=task, fingerprint=source.fingerprint, nbytes=source.nbytes)
