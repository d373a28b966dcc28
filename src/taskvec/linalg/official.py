"""Take bases that the authors of Task Vector Bases released into a store.

Where the store holds the task vectors, under the names of the data sets, the certificate is exact; otherwise errors are
unknown, and all else works.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint, CheckpointWriter, StagedOutput, open_checkpoint
from taskvec.linalg.atom_forms import describe_atoms
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
    target = store.documents.free_object(f"official-{name}")
    with StagedOutput(target) as staged:  # atoms that do not fit the base go with it
        _write_atoms(official, staged.directory)
        with ExitStack() as stack:
            paths = [staged.directory / atom_filename(index) for index in range(len(official.atoms))]
            atoms = [stack.enter_context(open_checkpoint(path)) for path in paths]
            digests = [digest_checkpoint(atom, store.options) for atom in atoms]
            products, gram = _measured(store, official, atoms)
        staged.publish()
    document = _document(store, official, name, describe_atoms(target, digests, store.path), products, gram)
    store.documents.publish_basis(document)
    return Basis(store, document)


def _write_atoms(official: OfficialBasis, folder: Path) -> None:
    for index, atom in enumerate(official.atoms):
        infos = [TensorInfo(key, DType.F32, values.shape) for key, values in atom.items()]
        with CheckpointWriter(folder, infos, filename=atom_filename(index)) as writer:
            for key, values in atom.items():
                writer.write(key, 0, values.reshape(-1))


def _measured(store: Store, official: OfficialBasis, atoms: Sequence[Checkpoint]) -> tuple[AtomProducts, Matrix]:
    """Return inner products of atoms and task vectors, and G; what needs vectors that are not there is NaN."""
    forms = [Dense(Source(atom.ref, atom)) for atom in atoms]
    base, count = store.base.checkpoint, len(official.tasks)
    if not all(task in store for task in official.tasks):
        products = measure_atoms(base, forms, (), (), store.options)
        unknown = np.full((len(atoms), count), np.nan)
        return AtomProducts(products.atom_gram, dict.fromkeys(products.atom_gram, unknown)), np.full(
            (count, count), np.nan
        )
    documents = [store.documents.vector(task) for task in official.tasks]
    allow = frozenset(Rule(rule.rule) for document in documents for rule in document.rules)
    products = measure_atoms(base, forms, [store.form(document) for document in documents], allow, store.options)
    return products, store.gram(official.tasks).total


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
        nbytes=sum(state.size for atom in atoms for state in atom.files) + official.decoder.nbytes,
    )


def _task(store: Store, task: str) -> TaskDocument:
    if task not in store:
        return TaskDocument(name=task, fingerprint="", nbytes=store.documents.store().base.nbytes)
    source = store.documents.vector(task).source
    return TaskDocument(name=task, fingerprint=source.fingerprint, nbytes=source.nbytes)
