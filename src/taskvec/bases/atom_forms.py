"""From what a store knows of atoms to forms that the engine reads: whole, factors, int8 or generated, all alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskvec.bases.atoms import atom_filename
from taskvec.checkpoints import Checkpoint, open_checkpoint, open_row_quantized, random_checkpoint
from taskvec.checkpoints.factored import open_factored
from taskvec.store.document import SourceDocument
from taskvec.store.kinds.bases import BasisDocument, RandomDocument, atom_owner
from taskvec.store.linked import describe_source, open_source
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Dense, Form, LowRank, Source


def described_in_place(atoms: Sequence[SourceDocument], folder: Path, root: Path) -> tuple[SourceDocument, ...]:
    """Write down where atoms of known content are now.

    Args:
        atoms: What is known of them.
        folder: Where their files are.
        root: The store.

    Returns:
        The documents.
    """
    documents = []
    for index, atom in enumerate(atoms):
        with open_checkpoint(folder / atom_filename(index)) as opened:
            documents.append(describe_source(opened, atom.digests, atom_filename(index), root))
    return tuple(documents)


def with_files(document: BasisDocument, folder: Path, root: Path) -> BasisDocument:
    """Return a basis with what its atoms take and where they are, once they are there."""
    atoms = described_in_place(document.atoms, folder, root)
    size = sum(state.size for atom in atoms for state in atom.files)
    return document.model_copy(update={"atoms": atoms, "nbytes": document.nbytes + size})


def open_atoms(document: BasisDocument, base: Source, root: Path, options: RunOptions) -> tuple[Form, ...]:
    """Open all atoms of a basis, certain to hold what was written.

    Args:
        document: The basis.
        base: The base model.
        root: The store.
        options: The limits, for hashing.

    Returns:
        The K forms; where groups have bases of their own, tensors that an atom lacks are zero.
    """
    if document.random is not None:
        return random_forms(base.checkpoint, document.random)
    sources = [open_source(atom, root, atom_owner(document.name, m), options) for m, atom in enumerate(document.atoms)]
    if document.is_quantized:
        sources = [replace(source, checkpoint=open_row_quantized(source.checkpoint.path)) for source in sources]
    if document.is_factored:
        tensors = base.checkpoint.tensors
        return tuple(LowRank(replace(one, checkpoint=open_factored(one.checkpoint, tensors))) for one in sources)
    return tuple(Dense(source, is_partial=len(document.groups) > 1) for source in sources)


def random_forms(base: Checkpoint, document: RandomDocument) -> tuple[Form, ...]:
    """Return random atoms, which are made as they are read.

    Args:
        base: The base model, for names and shapes.
        document: Seed and number.

    Returns:
        The forms.
    """
    tensors = [info for info in base.tensors.values() if info.dtype.is_combinable]
    atoms = [random_checkpoint(tensors, document.seed, index) for index in range(document.count)]
    return tuple(Dense(Source(atom.ref, atom, is_hashed=True)) for atom in atoms)
