"""The atoms of a design on disk, as they are, as factors or as int8 rows, and what is measured of them as written.

Each step can be taken up where a killed run left it: the pass that writes atoms has a journal; an atom's rounded file
gets its name when it is whole; the pass that measures rounded atoms has a journal of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.atoms import WrittenAtoms, atom_filename, atom_job, write_atoms
from taskvec.bases.design import Design
from taskvec.bases.measured import AtomProducts, atom_products, split_products
from taskvec.bases.request import Request
from taskvec.checkpoints import StagedOutput, open_checkpoint, open_row_quantized, write_row_quantized
from taskvec.checkpoints.factored import open_factored
from taskvec.streaming import Journal, job_key
from taskvec.vectors.fingerprints import Digests, digest_checkpoint
from taskvec.vectors.forms import Dense, Form, LowRank, Source

if TYPE_CHECKING:
    from taskvec.bases.factored_atoms import FactoredAtoms

Matrix = NDArray[np.float64]

_EXACT = "exact"
_MEASURED = ".measured"


@dataclass(frozen=True, slots=True)
class MeasuredAtoms:
    """What is known of atoms that were written.

    Attributes:
        digests: For each atom, the digest of every tensor.
        products: Their inner products, with each other and with the task vectors.
    """

    digests: tuple[Digests, ...]
    products: AtomProducts


def design_key(request: Request, design: Design) -> str:
    """Return what two runs share only if they write the same atoms from the same files."""
    job = atom_job(request.alignment.tensors, request.forms, design.encoders(), request.store.options)
    return job_key(job, "int8" if request.is_quantized else _kind_of_factors(request))


def _kind_of_factors(request: Request) -> str:
    if request.ranks is None:
        return ""
    return f"{request.factor_dtype} factors of ranks {[(info.name, rank) for info, rank in request.ranks.items()]}"


def write_measured(request: Request, design: Design, staged: StagedOutput) -> MeasuredAtoms:
    """Write every atom to its own file in a staged folder.

    Args:
        request: What was asked for.
        design: The atoms.
        staged: Where to write; what a killed run of the same key left there is taken up.

    Returns:
        Digests and inner products of the atoms as written.
    """
    if request.ranks is not None:
        return _write_factored(request, factored_atoms(request, design.encoders()), staged)
    if request.is_quantized:
        return _write_quantized(request, design, staged)
    written = _write_plain(request, design, staged, staged.directory)
    return MeasuredAtoms(written.digests, AtomProducts(written.atom_gram, written.cross))


def _write_plain(request: Request, design: Design, staged: StagedOutput, folder: Path) -> WrittenAtoms:
    tensors, encoders, options = request.alignment.tensors, design.encoders(), request.store.options
    with Journal(staged.journal_path, design_key(request, design)) as journal:
        return write_atoms(tensors, request.forms, encoders, folder, options, journal, resume=staged.is_resumed)


def _write_quantized(request: Request, design: Design, staged: StagedOutput) -> MeasuredAtoms:
    """Write exact atoms aside, round their rows to int8, and measure what came of it."""
    exact = staged.directory / _EXACT
    exact.mkdir(exist_ok=True)
    _write_plain(request, design, staged, exact)
    paths = [_rounded(exact / atom_filename(index), staged.directory) for index in range(design.num_stored)]
    is_partial = len(design.groups) > 1
    atoms = [Dense(Source(path.name, open_row_quantized(path)), is_partial=is_partial) for path in paths]
    products = _measured(request, atoms, staged.directory / _MEASURED)
    digests = _digests(request, paths)
    shutil.rmtree(exact)
    (staged.directory / _MEASURED).unlink()
    return MeasuredAtoms(digests, products)


def factored_atoms(request: Request, encoders: Mapping[str, Matrix]) -> FactoredAtoms:
    """Return the low-rank atoms of a request whose atoms are such."""
    from taskvec.bases.factored_atoms import FactoredAtoms  # few are, and others start without

    ranks = request.ranks or {}
    return FactoredAtoms(request.alignment.tensors, request.forms, encoders, ranks, request.factor_dtype)


def _write_factored(request: Request, atoms: FactoredAtoms, staged: StagedOutput) -> MeasuredAtoms:
    """Write atoms as factors, and take inner products from these."""
    paths, base = atoms.write(staged.directory, request.store.options), request.store.base.checkpoint
    opened = [LowRank(Source(path.name, open_factored(open_checkpoint(path), base.tensors))) for path in paths]
    products = atom_products(base, opened, request.forms, request.allow).compute(request.store.options)
    return MeasuredAtoms(_digests(request, paths), split_products(products, len(paths)))


def _digests(request: Request, paths: Sequence[Path]) -> tuple[Digests, ...]:
    digests = []
    for path in paths:
        with open_checkpoint(path) as atom:
            digests.append(digest_checkpoint(atom, request.store.options))
    return tuple(digests)


def _rounded(exact: Path, folder: Path) -> Path:
    """Write an atom in int8 rows, unless that was done."""
    target = folder / exact.name
    if not target.exists():
        unfinished = folder / f".{exact.name}"
        unfinished.unlink(missing_ok=True)
        with open_checkpoint(exact) as atom:
            write_row_quantized(atom, folder, unfinished.name)
        unfinished.rename(target)
    return target


def _measured(request: Request, atoms: Sequence[Form], notes: Path) -> AtomProducts:
    store = request.store
    products = atom_products(store.base.checkpoint, atoms, request.forms, request.allow)
    with Journal(notes, job_key(products.job(store.options))) as journal:
        return split_products(products.compute(store.options, journal), len(atoms))
