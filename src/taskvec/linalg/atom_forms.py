"""From what a store knows of atoms to forms that the engine reads: stored, quantised or generated, all alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from taskvec.checkpoints import Checkpoint, open_row_quantized, random_checkpoint
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Dense, Form, Source
from taskvec.vectors.linked import open_source
from taskvec.vectors.manifests import BasisDocument, RandomDocument


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
    sources = [
        open_source(atom, root, f"atom {m} of basis {document.name!r}", options)
        for m, atom in enumerate(document.atoms)
    ]
    if document.is_quantized:
        sources = [replace(source, checkpoint=open_row_quantized(source.checkpoint.path)) for source in sources]
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
