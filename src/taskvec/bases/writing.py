"""The atoms of a design, as they are, as factors, as int8 rows or made from a seed, and what is measured of them.

Each step can be taken up where a killed run left it: the pass that writes atoms has a journal; an atom's rounded file
gets its name when it is whole; the pass that measures rounded atoms has a journal of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskvec.bases.atoms import WholeAtoms, WrittenAtoms, atom_filename, hashing_atoms, tensors_of_atoms
from taskvec.bases.design import Design
from taskvec.bases.measured import AtomProducts, atom_products, split_products
from taskvec.bases.request import Request
from taskvec.checkpoints import (
    Checkpoint,
    CheckpointWriter,
    expected_checkpoint,
    open_checkpoint,
    open_row_quantized,
    quantized_layout,
    write_row_quantized,
)
from taskvec.checkpoints.factored import open_factored
from taskvec.numerics import load
from taskvec.store.pass_journal import NotedProducts
from taskvec.streaming import Folder, Foreseen, Journal, NotesOf, Pass, RunOptions, Steps, calls_of_reading, job_key
from taskvec.types import TensorInfo
from taskvec.vectors.forms import Dense, Form, LowRank, Source

_EXACT = "exact"
_MEASURED = ".measured"


def tidy(folder: Path) -> None:
    """Remove what is beside atoms until they are published: those before rounding, and the notes of what was taken."""
    shutil.rmtree(folder / _EXACT, ignore_errors=True)
    (folder / _MEASURED).unlink(missing_ok=True)


def load_all(request: Request) -> None:
    """Load the compiled kernels that all passes of a request call before the first of them is planned."""
    calls = ["gram", *calls_of_reading(request.alignment.tensors)]
    if request.ranks is not None:
        calls += ["round_into", "widen"]
    elif request.method.name != "random":
        calls.append("project")
    if request.is_quantized:
        calls += ["quantize", "dequantize"]
    load(calls)


def design_key(request: Request, design: Design) -> str:
    """Return what two runs share only if they write the same atoms from the same files."""
    job = _whole_atoms(request, design, Folder(Path(), Path())).job(request.store.options)
    return job_key(job, "int8" if request.is_quantized else _kind_of_factors(request))


def _kind_of_factors(request: Request) -> str:
    if request.ranks is None:
        return ""
    return f"{request.factor_dtype} factors of ranks {[(info.name, rank) for info, rank in request.ranks.items()]}"


def writing(request: Request, design: Design, folder: Folder) -> Steps[WrittenAtoms]:
    """Write every atom to its own file.

    Args:
        request: What was asked for.
        design: The atoms.
        folder: Where to write; what a killed run of the same design left there is taken up.

    Returns:
        Digests and inner products of the atoms as written.
    """
    if request.ranks is not None:
        return (yield from _writing_factors(request, design, folder))
    if request.is_quantized:
        return (yield from _writing_int8(request, design, folder))
    return (yield from _whole_atoms(request, design, folder))


def measuring(request: Request, atoms: Sequence[Form], notes: NotesOf) -> Steps[AtomProducts]:
    """Take the inner products of atoms that are there, with each other and with the task vectors."""
    store, label = request.store, f"measure {len(atoms)} atoms"
    products = atom_products(store.base.checkpoint, atoms, request.forms, request.allow, label)
    return split_products((yield from NotedProducts(products, notes)), len(atoms))


def _notes_of_writing(request: Request, design: Design, folder: Folder) -> NotesOf:
    return lambda _: Journal(folder.journal, design_key(request, design))


def _notes(folder: Folder) -> NotesOf:
    return lambda job: Journal(folder.path / _MEASURED, job_key(job))


def _whole_atoms(request: Request, design: Design, folder: Folder, within: str = "") -> WholeAtoms:
    return WholeAtoms(
        request.alignment.tensors,
        request.forms,
        design.encoders(),
        is_partial=len(design.groups) > 1,
        folder=folder.path / within,
        is_resumed=folder.is_resumed,
        notes=_notes_of_writing(request, design, folder),
    )


def _writing_int8(request: Request, design: Design, folder: Folder) -> Steps[WrittenAtoms]:
    """Write exact atoms aside, round their rows to int8, and measure what came of it."""
    exact = _whole_atoms(request, design, folder, _EXACT)
    yield from exact
    held = tensors_of_atoms(request.alignment.tensors, design.encoders())
    rounded = yield from _RoundedAtoms(held, exact.folder, folder.path)
    forms = [Dense(Source(atom.ref, atom), is_partial=len(design.groups) > 1) for atom in rounded.atoms]
    products = yield from measuring(request, forms, _notes(folder))
    return WrittenAtoms(tuple(forms), (yield from hashing_atoms(rounded.files)), products)


def _writing_factors(request: Request, design: Design, folder: Folder) -> Steps[WrittenAtoms]:
    """Write atoms as factors, and take inner products from these."""
    from taskvec.bases.factored_atoms import FactoredAtoms  # few are, and others start without

    ranks, tensors = request.ranks or {}, request.store.base.checkpoint.tensors
    files = yield from FactoredAtoms(
        request.alignment.tensors,
        request.forms,
        design.encoders(),
        ranks,
        request.factor_dtype,
        folder.path,
        folder.is_resumed,
        _notes_of_writing(request, design, folder),
    )
    forms = [LowRank(Source(file.ref, open_factored(file, tensors))) for file in files]
    products = yield from measuring(request, forms, _notes(folder))
    return WrittenAtoms(tuple(forms), (yield from hashing_atoms(files)), products)


@dataclass(frozen=True, slots=True)
class _Rounded:
    """Int8 atoms: as the float32 that they stand for, and as they are in their files."""

    atoms: tuple[Checkpoint, ...]
    files: tuple[Checkpoint, ...]


@dataclass(frozen=True)
class _RoundedAtoms(Pass[_Rounded]):
    """Rounding the rows of atoms to int8, unless that was done.

    Attributes:
        tensors: What each atom holds.
        exact: The folder with the atoms before rounding.
        folder: Where to write.
    """

    tensors: Sequence[Sequence[TensorInfo]]
    exact: Path
    folder: Path

    def foresee(self, options: RunOptions) -> Foreseen[_Rounded]:  # noqa: ARG002
        names = [atom_filename(index) for index in range(len(self.tensors))]
        layouts = [quantized_layout(infos) for infos in self.tensors]
        sizes = [CheckpointWriter.plan_bytes(infos, filename=name) for name, infos in zip(names, layouts, strict=True)]
        atoms, files = (tuple(map(expected_checkpoint, names, kind)) for kind in (self.tensors, layouts))
        return Foreseen(_Rounded(atoms, files), output_bytes=sum(sizes))

    def run(self, options: RunOptions) -> _Rounded:  # noqa: ARG002
        paths = [self._rounded(atom_filename(index)) for index in range(len(self.tensors))]
        return _Rounded(tuple(map(open_row_quantized, paths)), tuple(map(open_checkpoint, paths)))

    def _rounded(self, name: str) -> Path:
        target, unfinished = self.folder / name, self.folder / f".{name}"
        if not target.exists():
            unfinished.unlink(missing_ok=True)
            with open_checkpoint(self.exact / name) as atom:
                write_row_quantized(atom, self.folder, unfinished.name)
            unfinished.rename(target)
        return target
