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
from taskvec.bases.building import building
from taskvec.bases.fitting import divided
from taskvec.bases.request import Request, Wanted
from taskvec.linalg.spectrum import Spectrum
from taskvec.store.kinds.bases import BASES, BasisDocument
from taskvec.store.store import Store
from taskvec.streaming import Steps, run_steps

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
    document = run_steps(compressing(store, basis, **wanted), store.options)
    store.documents.of(BASES).publish(document)
    return Basis(store, document)


def compressing(store: Store, basis: str, **wanted: Unpack[Wanted]) -> Steps[BasisDocument]:
    """Take the steps of :func:`compress`, which publishes what they return.

    Where an error is given, the number of atoms follows from the Gram matrix: a plan is for the most atoms that there
    can be if the store does not know it yet; if it does, for as many as do before rounding.

    Args:
        store: The store.
        basis: The name of the new basis.
        **wanted: As for ``compress``.

    Returns:
        The basis.
    """
    store.documents.of(BASES).check_new(basis)
    request, joining = divided(store, wanted)
    return (yield from building(Request.of(store, basis, **request), joining))


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
