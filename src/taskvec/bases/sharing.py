"""A basis as one folder: atoms, ``basis.json`` and a README card, for machines that have the base and no fine-tunes."""

from __future__ import annotations

import shutil
from pathlib import Path

from taskvec.bases.atom_forms import describe_atoms, open_atoms
from taskvec.bases.atoms import atom_filename
from taskvec.bases.basis import Basis
from taskvec.bases.basis_group import without_nan
from taskvec.bases.card import readme_card
from taskvec.checkpoints import StagedOutput, open_checkpoint, write_json_atomic
from taskvec.checkpoints.hub import public
from taskvec.errors import BasisError, OutputError, SourceChangedError
from taskvec.store.document import SourceDocument, document_data, load_document
from taskvec.store.kinds.bases import BASES, BasisDocument, SharedBasisDocument
from taskvec.store.linked import describe_changes
from taskvec.store.store import Store
from taskvec.vectors.task_vector import Ref

DOCUMENT = "basis.json"
"""The file that tells a folder with a basis."""


def export_basis(basis: Basis, out: Ref) -> Path:
    """Write a basis to a folder that stands alone.

    Args:
        basis: The basis.
        out: The folder to make.

    Returns:
        The folder.

    Raises:
        OutputError: If it exists.
    """
    target, store = Path(out).expanduser().absolute(), basis.store
    if target.exists():
        raise OutputError(f"{target} exists already: choose another output or remove it")
    open_atoms(basis.document, store.base, store.path, store.options)  # refuses atoms that were altered
    base = store.documents.store().base
    errors = basis.certificate
    known = {"gram": without_nan(errors.gram), "residual": without_nan(errors.residual)}
    document = SharedBasisDocument(
        base=base.fingerprint, base_ref=public(base.ref), basis=basis.document.model_copy(update=known)
    )
    with StagedOutput(target) as staged:
        for index, atom in enumerate(basis.document.atoms):
            shutil.copyfile(store.path / atom.path, staged.directory / atom_filename(index))
        write_json_atomic(staged.directory / DOCUMENT, document_data(document))
        (staged.directory / "README.md").write_text(readme_card(basis, base), encoding="utf-8")
        staged.publish()
    return target


def import_basis(store: Store, folder: Ref, name: str | None = None) -> Basis:
    """Take an exported basis into a store of the same base; atoms are copied and checked by their digests.

    Args:
        store: The store.
        folder: The exported folder.
        name: Its name in the store; the one that it had if not given.

    Returns:
        The basis.

    Raises:
        BasisError: If it is none, or belongs to another base.
    """
    source = Path(folder).expanduser().absolute()
    if not (source / DOCUMENT).is_file():
        raise BasisError(f"{source} holds no basis: expected {DOCUMENT}, as taskvec basis export writes it")
    shared = load_document(SharedBasisDocument, source / DOCUMENT)
    base = store.documents.store().base
    if shared.base != base.fingerprint:
        raise BasisError(
            f"{source} is a basis for another base ({shared.base_ref}, {shared.base[:16]}…) than that of {store.path} "
            f"({base.ref}, {base.fingerprint[:16]}…): import it into a store of its own base"
        )
    document = shared.basis.model_copy(update={"name": name or shared.basis.name})
    store.documents.of(BASES).check_new(document.name)
    atoms = _take_in_atoms(store, source, document)
    kept = document.model_copy(update={"atoms": atoms})
    store.documents.of(BASES).publish(kept)
    return Basis(store, kept)


def _take_in_atoms(store: Store, source: Path, document: BasisDocument) -> tuple[SourceDocument, ...]:
    if not document.atoms:
        return ()
    folder = store.documents.free_object(document.atoms[0].fingerprint[:32])
    with StagedOutput(folder) as staged:
        for index, atom in enumerate(document.atoms):
            path = source / atom_filename(index)
            with open_checkpoint(path) as checkpoint:
                changed = describe_changes(checkpoint, atom.digests, store.options)
                if changed is not None:
                    raise SourceChangedError(
                        f"{path}: atom {index} is not as {DOCUMENT} describes it ({changed}): fetch or export the "
                        "folder again"
                    )
            shutil.copyfile(path, staged.directory / path.name)
        staged.publish()
    return describe_atoms(folder, [atom.digests for atom in document.atoms], store.path)
