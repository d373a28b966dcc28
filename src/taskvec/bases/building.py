"""From a design to a basis on disk: atoms are written, measured as they are, and described."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.bases.atom_forms import describe_atoms, random_forms
from taskvec.bases.basis import Basis
from taskvec.bases.design import Design
from taskvec.bases.measured import AtomProducts, measure_atoms
from taskvec.bases.request import Request
from taskvec.bases.writing import design_key, write_measured
from taskvec.checkpoints import StagedOutput
from taskvec.linalg.certificate import best_decoder, residual_gram
from taskvec.linalg.encoders import Encoding, Generated
from taskvec.linalg.groups import Group
from taskvec.store.document import SourceDocument, TaskDocument
from taskvec.store.kinds.bases import BasisDocument, GroupDocument, RandomDocument

Matrix = NDArray[np.float64]


def build(request: Request, design: Design, gram: Matrix) -> Basis:
    """Write the atoms of a design; the basis is not published yet.

    Args:
        request: What was asked for.
        design: The atoms.
        gram: G over all tensors, ``(T, T)``.

    Returns:
        The basis, with the certificate of the atoms as written.
    """
    generated = design.generated
    if generated is not None:
        random = RandomDocument(seed=generated.seed, count=generated.num_stored)
        base = request.store.base.checkpoint
        atoms = random_forms(base, random)
        products = measure_atoms(base, atoms, request.forms, request.allow, request.store.options)
        return _described(request, design, gram, products, (), random)
    folder = request.store.documents.free_object(_object_name(request, design))
    with StagedOutput(folder, resume_key=design_key(request, design)) as staged:
        measured = write_measured(request, design, staged)
        staged.publish()
    sources = describe_atoms(folder, measured.digests, request.store.path)
    return _described(request, design, gram, measured.products, sources, None)


def discard(basis: Basis) -> None:
    """Remove the atoms of a basis that was not published."""
    for atom in basis.document.atoms:
        shutil.rmtree((basis.store.path / atom.path).parent, ignore_errors=True)


def _described(
    request: Request,
    design: Design,
    gram: Matrix,
    products: AtomProducts,
    atoms: Sequence[SourceDocument],
    random: RandomDocument | None,
) -> Basis:
    groups, residual = [], np.zeros_like(gram)
    for group, atoms_of_group in zip(design.groups, design.atoms, strict=True):
        described, lost = _described_group(group, atoms_of_group, products)
        groups.append(described)
        residual += lost
    numbers = sum(np.size(group.decoder) for group in groups)
    document = BasisDocument(
        name=request.basis,
        method=request.method.name,
        wanted=dict(request.wanted),
        grouping=request.grouping.value,
        tasks=tuple(_task(request, name) for name in request.tasks),
        groups=tuple(groups),
        atoms=tuple(atoms),
        is_quantized=request.is_quantized and random is None,
        is_factored=request.ranks is not None,
        random=random,
        has_mean=design.has_mean,
        optimal_error=design.optimum(),
        gram=gram.tolist(),
        residual=residual.tolist(),
        nbytes=sum(state.size for atom in atoms for state in atom.files) + 8 * numbers,
    )
    return Basis(request.store, document)


def _described_group(
    group: Group, atoms: Encoding | Generated | None, products: AtomProducts
) -> tuple[GroupDocument, Matrix]:
    """Return what is kept of a group, and its part of R."""
    count, num_tasks = 0 if atoms is None else atoms.num_stored, len(group.gram)
    atom_gram = _total(products.atom_gram, group, (count, count))
    cross = _total(products.cross, group, (count, num_tasks))
    encoding = atoms if isinstance(atoms, Encoding) else None
    given = None if encoding is None else encoding.decoder
    decoder = best_decoder(atom_gram, cross) if given is None else given
    document = GroupDocument(
        name=group.name,
        tensors=group.tensors,
        encoder=None if encoding is None else encoding.encoder.tolist(),
        decoder=decoder.tolist(),
        atom_gram=atom_gram.tolist(),
        cross=cross.tolist(),
        energy=np.diag(group.gram).tolist(),
    )
    return document, residual_gram(group.gram, atom_gram, cross, decoder)


def _task(request: Request, name: str) -> TaskDocument:
    source = request.store.documents.vector(name).source
    return TaskDocument(name=name, fingerprint=source.fingerprint, nbytes=source.nbytes)


def _total(per_tensor: Mapping[str, Matrix], group: Group, shape: tuple[int, int]) -> Matrix:
    total = np.zeros(shape)
    for tensor in group.tensors:
        if tensor in per_tensor:
            total += per_tensor[tensor][: shape[0]][:, : shape[1]]
    return total


def _object_name(request: Request, design: Design) -> str:
    recipe = blake3(request.basis.encode())
    for tensor, encoder in design.encoders().items():
        recipe.update(tensor.encode() + encoder.tobytes())
    for aligned in request.alignment.tensors:
        recipe.update(f"{aligned.name}\0{aligned.output_dtype}\0{request.is_quantized}\0".encode())
    for info, rank in (request.ranks or {}).items():
        recipe.update(f"{info.name}\0{rank}\0{request.factor_dtype}\0".encode())
    for form in request.forms:
        recipe.update(form.identity.encode())
    return recipe.hexdigest()[:32]
