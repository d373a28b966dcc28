"""From a request to a basis: inner products, a design, atoms that are written, measured as they are, and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.bases.atom_forms import random_forms, with_files
from taskvec.bases.atoms import WrittenAtoms
from taskvec.bases.basis import Basis
from taskvec.bases.design import Design, Designer, Designing, error_of
from taskvec.bases.measured import AtomProducts
from taskvec.bases.projection import projecting
from taskvec.bases.request import Request
from taskvec.bases.writing import design_key, load_all, measuring, tidy, writing
from taskvec.checkpoints import StagedOutput
from taskvec.errors import BasisError
from taskvec.linalg.certificate import best_decoder, enough, residual_gram
from taskvec.linalg.encoders import Encoding, Generated
from taskvec.linalg.groups import Group
from taskvec.store.document import TaskDocument
from taskvec.store.kinds.bases import BasisDocument, GroupDocument, RandomDocument
from taskvec.store.linked import described_by_content
from taskvec.store.pass_journal import pass_journal
from taskvec.streaming import Folder, Staged, Steps

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Built:
    """A basis that is not published yet.

    Attributes:
        document: The basis.
        error: Of the tasks that its atoms are made from, as a limit speaks of it.
    """

    document: BasisDocument
    error: float

    def does(self, request: Request) -> bool:
        """Say whether it is as asked; an error that is not known yet refuses nothing."""
        return request.max_error is None or not self.error > request.max_error


def building(request: Request, joining: Sequence[str] = ()) -> Steps[BasisDocument]:
    """Build the first design that does, rounding included; the basis is not published yet.

    Args:
        request: What is asked.
        joining: The names of more tasks, to be projected on the atoms.

    Returns:
        The basis.

    Raises:
        BasisError: If rounding takes every design over the allowed error.
    """
    load_all(request)
    gram = yield from request.store.gramming(request.tasks)
    designer, limit, rounding, least = Designer.of(request, gram), request.max_error, 0.0, np.inf
    for design in (yield from Designing(designer)):
        predicted = 0.0 if limit is None else designer.predicted_error(design)
        if limit is not None and predicted**2 + rounding > limit**2:
            continue
        built = yield from _with_atoms(request, design, designer.gram, joining)
        if built.does(request):
            return built.document
        rounding, least = max(rounding, built.error**2 - predicted**2), min(least, built.error)
    raise BasisError(
        f"with the atoms' rounding, no basis of fewer than {len(request.tasks)} atoms has an error of "
        f"{request.max_error:g}: the least that was found is {enough(least)}; allow that much or write atoms in f32 "
        "(--dtype f32)"
    )


def _with_atoms(request: Request, design: Design, gram: Matrix, joining: Sequence[str]) -> Steps[_Built]:
    """Write the atoms of a design, unless they are made from a seed; they stay where the basis is as asked."""
    store, generated = request.store, design.generated
    if generated is not None:
        random = RandomDocument(seed=generated.seed, count=generated.num_stored)
        atoms = random_forms(store.base.checkpoint, random)
        written = WrittenAtoms(atoms, (), (yield from measuring(request, atoms, partial(pass_journal, store.path))))
        return (yield from _fitted(request, design, gram, joining, written))

    def begun() -> StagedOutput:
        folder = store.documents.free_object(_object_name(request, design))
        return StagedOutput(folder, resume_key=design_key(request, design))

    def within(folder: Folder) -> Steps[_Built]:
        return (yield from _fitted(request, design, gram, joining, (yield from writing(request, design, folder))))

    def published(staged: StagedOutput, built: _Built) -> _Built:
        if not built.does(request):
            return built
        tidy(staged.directory)
        staged.publish()
        return replace(built, document=with_files(built.document, staged.target, store.path))

    return (yield from Staged(store.path, begun, within, published))


def _fitted(
    request: Request, design: Design, gram: Matrix, joining: Sequence[str], written: WrittenAtoms
) -> Steps[_Built]:
    """Describe what the atoms are to the tasks, and project others on them where the basis is as asked."""
    basis = Basis(request.store, _described(request, design, gram, written))
    built = _Built(basis.document, error_of(basis.certificate, worst_task=request.worst_task))
    if joining and built.does(request):
        return replace(built, document=(yield from projecting(basis, written.forms, joining)))
    return built


def _described(request: Request, design: Design, gram: Matrix, written: WrittenAtoms) -> BasisDocument:
    groups, residual = [], np.zeros_like(gram)
    for group, atoms_of_group in zip(design.groups, design.atoms, strict=True):
        described, lost = _described_group(group, atoms_of_group, written.products)
        groups.append(described)
        residual += lost
    generated = design.generated
    return BasisDocument(
        name=request.basis,
        method=request.method.name,
        wanted=dict(request.wanted),
        grouping=request.grouping.value,
        tasks=tuple(_task(request, name) for name in request.tasks),
        groups=tuple(groups),
        atoms=tuple(map(described_by_content, written.digests)),
        is_quantized=request.is_quantized and generated is None,
        is_factored=request.ranks is not None,
        random=RandomDocument(seed=generated.seed, count=generated.num_stored) if generated else None,
        has_mean=design.has_mean,
        optimal_error=design.optimum(),
        gram=gram.tolist(),
        residual=residual.tolist(),
        nbytes=8 * sum(np.size(group.decoder) for group in groups),
    )


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
