"""A basis as one folder: atoms, ``basis.json`` and a README card, for machines that have the base and no fine-tunes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from taskvec.bases.atom_forms import described_in_place
from taskvec.bases.atoms import atom_filename
from taskvec.bases.basis import Basis
from taskvec.bases.basis_group import without_nan
from taskvec.bases.card import readme_card
from taskvec.checkpoints import StagedOutput, open_checkpoint, write_json_atomic
from taskvec.checkpoints.hub import public
from taskvec.errors import BasisError, OutputError, SourceChangedError
from taskvec.store.document import SourceDocument, document_data, load_document
from taskvec.store.kinds.bases import BASES, BasisDocument, SharedBasisDocument, atom_owner
from taskvec.store.linked import finding_changes, opening
from taskvec.store.store import Store
from taskvec.streaming import Folder, Foreseen, Pass, PlannedPass, RunOptions, Staged, Steps, in_turn, run_steps
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted
from taskvec.streaming.memory import resident_bytes
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
    """
    return run_steps(exporting(basis, out), basis.store.options)


def exporting(basis: Basis, out: Ref) -> Steps[Path]:
    """Take the steps of :func:`export_basis`.

    Raises:
        OutputError: If the folder exists.
    """
    target, store = Path(out).expanduser().absolute(), basis.store
    if target.exists():
        raise OutputError(f"{target} exists already: choose another output or remove it")
    owned = [(atom, atom_owner(basis.name, m)) for m, atom in enumerate(basis.document.atoms)]
    yield from in_turn(opening(atom, store.path, owner) for atom, owner in owned)  # refuses atoms that were altered
    base = store.documents.store().base
    errors = basis.certificate
    known = {"gram": without_nan(errors.gram), "residual": without_nan(errors.residual)}
    document = SharedBasisDocument(
        base=base.fingerprint, base_ref=public(base.ref), basis=basis.document.model_copy(update=known)
    )

    def copied(folder: Folder) -> Steps[Path]:
        for index, atom in enumerate(basis.document.atoms):
            yield from _Copying(store.path / atom.path, folder.path / atom_filename(index))
        return target

    def published(staged: StagedOutput, made: Path) -> Path:
        write_json_atomic(staged.directory / DOCUMENT, document_data(document))
        (staged.directory / "README.md").write_text(readme_card(basis, base), encoding="utf-8")
        staged.publish()
        return made

    return (yield from Staged(target, partial(StagedOutput, target), copied, published))


def import_basis(store: Store, folder: Ref, name: str | None = None) -> Basis:
    """Take an exported basis into a store of the same base; atoms are copied and checked by their digests.

    Args:
        store: The store.
        folder: The exported folder.
        name: Its name in the store; the one that it had if not given.

    Returns:
        The basis.
    """
    document = run_steps(importing(store, folder, name), store.options)
    store.documents.of(BASES).publish(document)
    return Basis(store, document)


def importing(store: Store, folder: Ref, name: str | None = None) -> Steps[BasisDocument]:
    """Take the steps of :func:`import_basis`, which publishes what they return.

    Raises:
        BasisError: If the folder holds no basis, or one of another base.
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
    if not document.atoms:
        return document

    def begun() -> StagedOutput:
        return StagedOutput(store.documents.free_object(document.atoms[0].fingerprint[:32]))

    def published(staged: StagedOutput, atoms: tuple[SourceDocument, ...]) -> tuple[SourceDocument, ...]:
        staged.publish()
        return described_in_place(atoms, staged.target, store.path)

    atoms = yield from Staged(store.path, begun, partial(_taking_in, source, document.atoms), published)
    return document.model_copy(update={"atoms": atoms})


def _taking_in(source: Path, atoms: tuple[SourceDocument, ...], folder: Folder) -> Steps[tuple[SourceDocument, ...]]:
    for index, atom in enumerate(atoms):
        path = source / atom_filename(index)
        with open_checkpoint(path) as checkpoint:
            changed = yield from finding_changes(checkpoint, atom.digests)
        if changed is not None:
            raise SourceChangedError(
                f"{path}: atom {index} is not as {DOCUMENT} describes it ({changed}): fetch or export the folder again"
            )
        yield from _Copying(path, folder.path / path.name)
    return atoms


@dataclass(frozen=True)
class _Copying(Pass[None]):
    """Copying a file."""

    source: Path
    target: Path

    def foresee(self, options: RunOptions) -> Foreseen[None]:  # noqa: ARG002
        size = self.source.stat().st_size
        planned = PlannedPass(self._label, size, size, 1, 1, 0, resident_bytes(), forgets=False)
        return Foreseen(None, (planned,), size)

    def run(self, options: RunOptions) -> None:
        size, began = self.source.stat().st_size, time.perf_counter()
        options.listener(PassStarted(self._label, 2 * size))
        shutil.copyfile(self.source, self.target)
        options.listener(BytesDone(self._label, 2 * size))
        options.listener(PassFinished(self._label, time.perf_counter() - began))

    @property
    def _label(self) -> str:
        return f"copy {self.source}"
