"""Take bases that the authors of Task Vector Bases released into a store.

Where the store holds the task vectors, under the names of the data sets, the certificate is exact; otherwise errors are
unknown, and all else works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.atom_forms import describe_atoms
from taskvec.bases.atoms import atom_filename
from taskvec.bases.basis import Basis
from taskvec.bases.basis_group import without_nan
from taskvec.bases.measured import AtomProducts, atom_products, measure_atoms
from taskvec.bases.official.files import OfficialBasis, read_official
from taskvec.checkpoints import Checkpoint, CheckpointWriter, StagedOutput, open_checkpoint, zeros_like
from taskvec.linalg.certificate import residual_gram
from taskvec.store.document import SourceDocument, TaskDocument
from taskvec.store.kinds.bases import BASES, BasisDocument, GroupDocument
from taskvec.store.store import Store
from taskvec.streaming import Plan, make_plan
from taskvec.types import DType, TensorInfo
from taskvec.vectors.alignment import Rule, align
from taskvec.vectors.fingerprints import digest_checkpoint
from taskvec.vectors.forms import Dense, Form, Source
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
    store.documents.of(BASES).check_new(name)
    official = read_official(source)
    _vanishing(store, official, source)
    target = store.documents.free_object(f"official-{name}")
    with StagedOutput(target) as staged:
        _write_atoms(official, staged.directory)
        with ExitStack() as stack:
            paths = [staged.directory / atom_filename(index) for index in range(len(official.atoms))]
            atoms = [stack.enter_context(open_checkpoint(path)) for path in paths]
            digests = [digest_checkpoint(atom, store.options) for atom in atoms]
            products, gram = _measured(store, official, atoms)
        staged.publish()
    document = _document(store, official, name, describe_atoms(target, digests, store.path), products, gram)
    store.documents.of(BASES).publish(document)
    return Basis(store, document)


def plan_official(store: Store, folder: Ref) -> Plan:
    """Return what taking it in would cost; descriptions alone are read.

    Args:
        store: The store.
        folder: The folder of a run.

    Returns:
        The plan.
    """
    source = Path(folder).expanduser().absolute()
    official = read_official(source)
    layouts = [_layout(atom) for atom in official.atoms]
    num_bytes = [CheckpointWriter.plan_bytes(infos, filename=atom_filename(m)) for m, infos in enumerate(layouts)]
    vectors = _vectors(store, official)
    atoms = _vanishing(store, official, source)
    passes = list(atom_products(store.base.checkpoint, atoms, *vectors).plan(store.options))
    if vectors[0]:
        passes += store.plan_gram(official.tasks).passes
    return make_plan(passes, store.options, target=store.path, output_bytes=sum(num_bytes))


def _vanishing(store: Store, official: OfficialBasis, folder: Path) -> list[Form]:
    """Return forms laid out as the atoms are, for plans.

    Raises:
        AlignmentError: If they do not fit the base.
    """
    refs = [f"atom {m} of {folder}" for m in range(len(official.atoms))]
    atoms: list[Form] = [
        Dense(Source(ref, zeros_like(_layout(atom), ref))) for ref, atom in zip(refs, official.atoms, strict=True)
    ]
    align(store.base.checkpoint, atoms)
    return atoms


def _layout(atom: Mapping[str, NDArray[np.float32]]) -> list[TensorInfo]:
    return [TensorInfo(key, DType.F32, values.shape) for key, values in atom.items()]


def _write_atoms(official: OfficialBasis, folder: Path) -> None:
    for index, atom in enumerate(official.atoms):
        with CheckpointWriter(folder, _layout(atom), filename=atom_filename(index)) as writer:
            for key, values in atom.items():
                writer.write(key, 0, values.reshape(-1))


def _vectors(store: Store, official: OfficialBasis) -> tuple[tuple[Form, ...], frozenset[Rule]]:
    """Return the task vectors where the store has all of them, else none; and the rules that they were added with."""
    if not all(task in store for task in official.tasks):
        return (), frozenset()
    documents = [store.documents.vector(task) for task in official.tasks]
    allow = frozenset(Rule(rule.rule) for document in documents for rule in document.rules)
    return tuple(store.form(document) for document in documents), allow


def _measured(store: Store, official: OfficialBasis, atoms: Sequence[Checkpoint]) -> tuple[AtomProducts, Matrix]:
    """Return inner products of atoms and task vectors, and G; what needs vectors that are not there is NaN."""
    forms, (vectors, allow) = [Dense(Source(atom.ref, atom)) for atom in atoms], _vectors(store, official)
    products = measure_atoms(store.base.checkpoint, forms, vectors, allow, store.options)
    if vectors:
        return products, store.gram(official.tasks).total
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
        nbytes=sum(state.size for atom in atoms for state in atom.files) + official.decoder.nbytes,
    )


def _task(store: Store, task: str) -> TaskDocument:
    if task not in store:
        return TaskDocument(name=task, fingerprint="", nbytes=store.documents.store().base.nbytes)
    source = store.documents.vector(task).source
    return TaskDocument(name=task, fingerprint=source.fingerprint, nbytes=source.nbytes)
