"""The errors of a basis in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from taskvec.bases.basis import Basis
from taskvec.linalg.certificate import Certificate, in_words
from taskvec.streaming.memory import format_size


def basis_text(basis: Basis) -> Iterator[str]:
    """Say what a basis saves and what it loses.

    Args:
        basis: The basis.

    Yields:
        One sentence.
    """
    errors = basis.certificate
    parts = (
        f"relative error {in_words(errors.relative_error)} (optimum {in_words(errors.optimal_error)})",
        _worst(errors),
        f"sum {in_words(errors.sum_error)}",
        f"{format_size(basis.original_bytes)} → {format_size(basis.document.nbytes)}",
    )
    atoms = f"{basis.num_atoms} atom{'' if basis.num_atoms == 1 else 's'}"
    stored = f"{atoms} and a mean" if basis.document.has_mean else atoms
    yield f"{len(basis.tasks)} task vectors → {stored}: {'; '.join(parts)}"


def _worst(errors: Certificate) -> str:
    is_unknown = np.isnan(list(errors.task_errors.values()))
    if is_unknown.all():
        return "errors of single tasks unknown"
    worst = errors.worst_task
    which = "worst known task" if is_unknown.any() else "worst task"
    return f"{which}: {worst} {in_words(errors.task_errors[worst])}"
