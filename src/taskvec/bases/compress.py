"""Compress T task vectors to M < T atoms: one pass for the Gram matrix (if it is not known), one to write the atoms.

Source: Task Vector Bases (arXiv 2502.01015). The paper trains an encoder and a decoder; ``spectral`` is ours and
computes from G what the training approaches. Cost: reads 2(T + 1) checkpoints, writes M; memory independent of P. Atoms
in int8 are written in float32 first and take a third pass. The products of all pairs are T²·P multiply-adds; with
``fit_on``, K of the vectors are compressed and the others join by projection, for K²·P + M·T·P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from taskvec.bases.basis import Basis
from taskvec.bases.building import build, discard
from taskvec.bases.design import Designer, error_of
from taskvec.bases.fitting import divided
from taskvec.bases.planning import load_all, plan_request
from taskvec.bases.projection import projected
from taskvec.bases.request import Request, Wanted
from taskvec.errors import BasisError, TaskvecError
from taskvec.linalg.certificate import enough
from taskvec.linalg.spectrum import Spectrum
from taskvec.store.kinds.bases import BASES
from taskvec.store.store import Store
from taskvec.streaming import Plan

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
        **wanted: ``num_atoms`` or ``max_error``, and everything else of :class:`taskvec.bases.request.Wanted`.

    Returns:
        The basis, with its certificate.
    """
    store.documents.of(BASES).check_new(basis)
    request, joining = divided(store, wanted)
    built = built_as_asked(Request.of(store, basis, **request))
    if joining:
        built = _joined(built, joining)
    store.documents.of(BASES).publish(built.document)
    return built


def _joined(built: Basis, tasks: Sequence[str]) -> Basis:
    """Project tasks on atoms that are not published yet.

    Raises:
        TaskvecError: As the projection did; the atoms are removed.
    """
    try:
        return Basis(built.store, projected(built, tasks))
    except TaskvecError:
        discard(built)
        raise


def built_as_asked(request: Request) -> Basis:
    """Build the first design that does, rounding included; it is not published yet.

    Args:
        request: What is asked.

    Returns:
        The basis.

    Raises:
        BasisError: If rounding takes every design over the allowed error.
    """
    load_all(request)
    designer, rounding, least = Designer.of(request), 0.0, np.inf
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
        rounding, least = max(rounding, found**2 - predicted**2), min(least, found)
        discard(built)
    raise BasisError(
        f"with the atoms' rounding, no basis of fewer than {len(request.tasks)} atoms has an error of "
        f"{request.max_error:g}: the least that was found is {enough(least)}; allow that much or write atoms in f32 "
        "(--dtype f32)"
    )


def plan_compress(store: Store, basis: str, **wanted: Unpack[Wanted]) -> Plan:
    """Return what compressing would cost.

    Args:
        store: The store.
        basis: The name of the new basis.
        **wanted: As for ``compress``.

    Returns:
        The plan.
    """
    store.documents.of(BASES).check_new(basis)
    request, joining = divided(store, wanted)
    return plan_request(Request.of(store, basis, **request), joining)


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
