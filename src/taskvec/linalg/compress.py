"""Compress T task vectors to M < T atoms: one pass for the Gram matrix (if it is not known), one to write the atoms.

Source: Task Vector Bases (arXiv 2502.01015). The paper trains an encoder and a decoder; ``spectral`` is ours and
computes from G what the training approaches. Cost: reads 2(T + 1) checkpoints, writes M; memory independent of P.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.checkpoints import StagedOutput, open_checkpoint
from taskvec.errors import BasisError
from taskvec.linalg.atoms import WrittenAtoms, atom_filename, atom_job, write_atoms
from taskvec.linalg.basis import Basis
from taskvec.linalg.certificate import best_decoder, residual_gram
from taskvec.linalg.spectrum import Spectrum
from taskvec.streaming import Journal, Plan, PlannedPass, job_key, make_plan, plan_pass
from taskvec.types import DType
from taskvec.vectors.alignment import Alignment, align
from taskvec.vectors.forms import Form
from taskvec.vectors.linked import describe_source
from taskvec.vectors.manifests import BasisDocument, TaskDocument
from taskvec.vectors.store import Store

Matrix = NDArray[np.float64]


def _spectral(gram: Matrix, num_atoms: int) -> tuple[Matrix, bool]:
    return Spectrum.of(gram).encoder(num_atoms)


METHODS: dict[str, Callable[[Matrix, int], tuple[Matrix, bool]]] = {"spectral": _spectral}
"""Name → function from G, ``(T, T)``, and M to the encoder B, ``(T, M)``, and whether it is convex."""


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """The least relative error for every number of atoms, before rounding.

    Attributes:
        num_atoms: M = 1 … T.
        relative_error: Of all task vectors together.
        worst_task_error: Of the task that is recovered worst.
    """

    num_atoms: tuple[int, ...]
    relative_error: tuple[float, ...]
    worst_task_error: tuple[float, ...]


def compress(
    store: Store,
    basis: str,
    *,
    num_atoms: int | None = None,
    max_error: float | None = None,
    method: str = "spectral",
    tasks: Sequence[str] | None = None,
    dtype: DType | None = None,
) -> Basis:
    """Compress task vectors of a store to a basis that lives in the store.

    Args:
        store: The store.
        basis: The name of the new basis.
        num_atoms: M; or
        max_error: the largest allowed relative error ‖V̂ − V‖_F / ‖V‖_F, rounding included, kept by the fewest atoms.
        method: A name of ``METHODS``.
        tasks: The T task vectors; all if not given.
        dtype: The atoms' dtype; each tensor keeps the base's own if not given.

    Returns:
        The basis, with its certificate.

    Raises:
        BasisError: If no basis can be as asked.
    """
    request = _Request.of(store, basis, num_atoms, max_error, method, tasks, dtype)
    gram = store.gram(request.tasks).total
    count = request.choose(gram)
    while True:
        built = _build(request, gram, count)
        if max_error is None or built.certificate.relative_error <= max_error:
            store.documents.publish_basis(built.document)
            return built
        count += 1
        if count >= len(request.tasks):
            raise BasisError(
                f"with the atoms' rounding, no basis of fewer than {len(request.tasks)} atoms has an error of "
                f"{max_error:g}: allow a larger error or write atoms in f32 (--dtype f32)"
            )


def plan_compress(
    store: Store,
    basis: str,
    *,
    num_atoms: int | None = None,
    max_error: float | None = None,
    method: str = "spectral",
    tasks: Sequence[str] | None = None,
    dtype: DType | None = None,
) -> Plan:
    """Return what compressing would cost; with ``max_error``, for the most atoms that it could take.

    Args:
        store: The store.
        basis: The name of the new basis.
        num_atoms: M; or
        max_error: the largest allowed error.
        method: A name of ``METHODS``.
        tasks: The T task vectors; all if not given.
        dtype: The atoms' dtype.

    Returns:
        The plan.
    """
    request = _Request.of(store, basis, num_atoms, max_error, method, tasks, dtype)
    count = num_atoms or len(request.tasks) - 1
    job = atom_job(request.alignment.tensors, request.forms, np.zeros((len(request.tasks), count)), store.options)
    passes: list[PlannedPass] = list(store.plan_gram(request.tasks).passes)
    passes.append(plan_pass(job.label, job.tensors, job.kernel, store.options, num_outputs=count))
    return make_plan(passes, store.options, target=store.path, output_bytes=passes[-1].written_bytes)


def error_curve(store: Store, tasks: Sequence[str] | None = None) -> ErrorCurve:
    """Return the error of the best basis of every size.

    Args:
        store: The store.
        tasks: The T task vectors; all if not given.

    Returns:
        The curve.
    """
    gram = store.gram(tasks).total
    spectrum = Spectrum.of(gram)
    lost = np.cumsum((spectrum.vectors**2 * spectrum.values)[:, ::-1], axis=1)[:, ::-1]
    lost = np.column_stack([lost[:, 1:], np.zeros(len(gram))])
    squares = np.diag(gram)[:, None]
    worst = np.sqrt(np.divide(lost, squares, out=np.zeros_like(lost), where=squares > 0)).max(axis=0)
    sizes = tuple(range(1, len(gram) + 1))
    return ErrorCurve(sizes, tuple(spectrum.optimal_errors().tolist()), tuple(worst.tolist()))


@dataclass(frozen=True)
class _Request:
    """What was asked for, checked."""

    store: Store
    basis: str
    num_atoms: int | None
    max_error: float | None
    method: str
    tasks: tuple[str, ...]
    forms: tuple[Form, ...]
    alignment: Alignment

    @classmethod
    def of(
        cls,
        store: Store,
        basis: str,
        num_atoms: int | None,
        max_error: float | None,
        method: str,
        tasks: Sequence[str] | None,
        dtype: DType | None,
    ) -> _Request:
        store.documents.check_new_basis(basis)
        names = tuple(dict.fromkeys(store.names if tasks is None else tasks))
        _check_numbers(num_atoms, max_error, method, len(names))
        vectors = [store[name] for name in names]
        forms = tuple(next(iter(vector.terms)) for vector in vectors)
        allow = frozenset().union(*(vector.allow for vector in vectors))
        alignment = align(store.base.checkpoint, forms, allow).with_output(dtype)
        kept = Alignment(alignment.combinable, alignment.uses)
        return cls(store, basis, num_atoms, max_error, method, names, forms, kept)

    def choose(self, gram: Matrix) -> int:
        if self.num_atoms is not None:
            return self.num_atoms
        errors = Spectrum.of(gram).optimal_errors()[:-1]
        enough = np.flatnonzero(errors <= (self.max_error or 0.0))
        if not len(enough):
            raise BasisError(
                f"no basis of fewer than {len(self.tasks)} atoms has an error of {self.max_error:g}: the least, with "
                f"{len(errors)} atoms, is {errors[-1]:.3g}; allow that much or keep the vectors as they are"
            )
        return int(enough[0]) + 1


def _check_numbers(num_atoms: int | None, max_error: float | None, method: str, num_tasks: int) -> None:
    if method not in METHODS:
        raise BasisError(f"unknown method {method!r}: use one of {', '.join(METHODS)}")
    if num_tasks < 2:
        raise BasisError(f"a basis needs at least two task vectors, not {num_tasks}: add more to the store")
    if (num_atoms is None) == (max_error is None):
        raise BasisError("say either how many atoms or which error is allowed, not both")
    if num_atoms is not None and not 1 <= num_atoms < num_tasks:
        raise BasisError(f"{num_atoms} atoms for {num_tasks} task vectors: use 1 to {num_tasks - 1}")
    if max_error is not None and not 0 < max_error < 1:
        raise BasisError(f"an allowed error of {max_error:g} makes no sense: use a number between 0 and 1")


def _build(request: _Request, gram: Matrix, num_atoms: int) -> Basis:
    store = request.store
    encoder, is_convex = METHODS[request.method](gram, num_atoms)
    folder = store.path / "objects" / _object_name(request, encoder)
    shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed between its atoms and its document
    key = job_key(atom_job(request.alignment.tensors, request.forms, encoder, store.options))
    with StagedOutput(folder, resume_key=key) as staged:
        with Journal(staged.journal_path, key) as journal:
            written = write_atoms(request.alignment.tensors, request.forms, encoder, staged, store.options, journal)
        staged.publish()
    return Basis(store, _document(request, gram, encoder, written, folder, is_convex=is_convex))


def _document(
    request: _Request, gram: Matrix, encoder: Matrix, written: WrittenAtoms, folder: Path, *, is_convex: bool
) -> BasisDocument:
    store, num_atoms, num_tasks = request.store, encoder.shape[1], len(request.tasks)
    atom_gram = sum(written.atom_gram.values(), np.zeros((num_atoms, num_atoms)))
    cross = sum(written.cross.values(), np.zeros((num_atoms, num_tasks)))
    decoder = best_decoder(atom_gram, cross)
    atoms = []
    for index, digests in enumerate(written.digests):
        with open_checkpoint(folder / atom_filename(index)) as atom:
            atoms.append(describe_source(atom, digests, atom_filename(index), store.path))
    sources = [store.documents.vector(name).source for name in request.tasks]
    return BasisDocument(
        name=request.basis,
        method=request.method,
        tasks=tuple(
            TaskDocument(name=name, fingerprint=source.fingerprint, nbytes=source.nbytes)
            for name, source in zip(request.tasks, sources, strict=True)
        ),
        is_convex=is_convex,
        encoder=encoder.tolist(),
        decoder=decoder.tolist(),
        atoms=tuple(atoms),
        gram=gram.tolist(),
        residual=residual_gram(gram, atom_gram, cross, decoder).tolist(),
        nbytes=sum(state.size for atom in atoms for state in atom.files) + decoder.nbytes,
    )


def _object_name(request: _Request, encoder: Matrix) -> str:
    recipe = blake3(request.basis.encode() + encoder.tobytes())
    for tensor in request.alignment.tensors:
        recipe.update(f"{tensor.name}\0{tensor.output_dtype}\0".encode())
    for form in request.forms:
        recipe.update(form.source.identity.encode())
    return recipe.hexdigest()[:32]
