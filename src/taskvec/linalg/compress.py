"""Compress T task vectors to M < T atoms: one pass for the Gram matrix (if it is not known), one to write the atoms.

Source: Task Vector Bases (arXiv 2502.01015). The paper trains an encoder and a decoder; ``spectral`` is ours and
computes from G what the training approaches. Cost: reads 2(T + 1) checkpoints, writes M; memory independent of P. Atoms
in int8 are written in float32 first and take a third pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import zeros_like
from taskvec.errors import BasisError
from taskvec.linalg.atoms import atom_job
from taskvec.linalg.basis import Basis
from taskvec.linalg.building import build, discard
from taskvec.linalg.design import Designer, error_of
from taskvec.linalg.groups import make_groups
from taskvec.linalg.measured import atom_products
from taskvec.linalg.request import Request, Wanted
from taskvec.linalg.spectrum import Spectrum
from taskvec.streaming import Plan, PlannedPass, make_plan, plan_pass
from taskvec.vectors.forms import Dense, Source
from taskvec.vectors.store import Store

Matrix = NDArray[np.float64]


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


def compress(store: Store, basis: str, **wanted: Unpack[Wanted]) -> Basis:
    """Compress task vectors of a store to a basis that lives in the store.

    Args:
        store: The store.
        basis: The name of the new basis.
        **wanted: ``num_atoms`` or ``max_error``, and everything else of :class:`taskvec.linalg.request.Wanted`.

    Returns:
        The basis, with its certificate.
    """
    store.documents.check_new_basis(basis)
    built = built_as_asked(Request.of(store, basis, **wanted))
    store.documents.publish_basis(built.document)
    return built


def designer_for(request: Request) -> Designer:
    """Return what finds designs for a request; inner products that are not known yet are computed.

    Args:
        request: The request.

    Returns:
        The designer.
    """
    gram = request.store.gram(request.tasks)
    tensors = request.store.base.checkpoint.tensors
    sizes = [tensors[name].num_params for name in gram.tensors]
    return Designer(request, make_groups(request.grouping, gram.tensors, gram.per_tensor, sizes))


def built_as_asked(request: Request) -> Basis:
    """Build the first design that does, rounding included; it is not published yet.

    Args:
        request: What is asked.

    Returns:
        The basis.

    Raises:
        BasisError: If rounding takes every design over the allowed error.
    """
    designer, rounding = designer_for(request), 0.0
    for design in designer.designs():
        if request.max_error is None:
            return build(request, design, designer.gram)
        predicted = designer.predicted_error(design)
        if predicted**2 + rounding > request.max_error**2:
            continue
        built = build(request, design, designer.gram)
        found = error_of(built.certificate, worst_task=request.worst_task)
        if found <= request.max_error:
            return built
        rounding = max(rounding, found**2 - predicted**2)
        discard(built)
    raise BasisError(
        f"with the atoms' rounding, no basis of fewer than {len(request.tasks)} atoms has an error of "
        f"{request.max_error:g}: allow a larger error or write atoms in f32 (--dtype f32)"
    )


def plan_compress(store: Store, basis: str, **wanted: Unpack[Wanted]) -> Plan:
    """Return what compressing would cost; with ``max_error``, for the most atoms that it could take.

    Args:
        store: The store.
        basis: The name of the new basis.
        **wanted: As for ``compress``.

    Returns:
        The plan.
    """
    store.documents.check_new_basis(basis)
    return plan_request(Request.of(store, basis, **wanted))


def plan_request(request: Request) -> Plan:
    """Return what building as asked would cost.

    Args:
        request: What is asked.

    Returns:
        The plan.
    """
    store, extra = request.store, request.method.extra_atoms
    count = len(request.tasks) - 1 if request.num_atoms is None else request.num_atoms + extra
    passes: list[PlannedPass] = list(store.plan_gram(request.tasks).passes)
    output_bytes = 0
    if request.method.name != "random":
        encoder = np.zeros((len(request.tasks), count))
        encoders = {tensor.name: encoder for tensor in request.alignment.tensors}
        job = atom_job(request.alignment.tensors, request.forms, encoders, store.options)
        passes.append(plan_pass(job.label, job.tensors, job.kernel, store.options, num_outputs=count))
        output_bytes = passes[-1].written_bytes
    if request.method.name == "random" or request.is_quantized:
        passes.append(_plan_measuring(request, count))
    return make_plan(passes, store.options, target=store.path, output_bytes=output_bytes)


def _plan_measuring(request: Request, count: int) -> PlannedPass:
    base, options = request.store.base.checkpoint, request.store.options
    stand_ins = [zeros_like(base.tensors.values()) for _ in range(count)]
    atoms = [Dense(Source(f"atom {m}", stand_in)) for m, stand_in in enumerate(stand_ins)]
    allow = frozenset(use.rule for use in request.alignment.uses)
    job = atom_products(base, atoms, request.forms, allow).job(options)
    return plan_pass(f"measure {count} atoms", job.tensors, job.kernel, options)


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
