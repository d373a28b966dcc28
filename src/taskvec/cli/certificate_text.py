"""The errors of a basis in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from taskvec.linalg.basis import Basis
from taskvec.linalg.certificate import in_words
from taskvec.streaming.memory import format_size


def basis_text(basis: Basis) -> Iterator[str]:
    """Say what a basis saves and what it loses.

    Args:
        basis: The basis.

    Yields:
        One sentence.
    """
    errors = basis.certificate
    worst = errors.worst_task
    parts = (
        f"relative error {in_words(errors.relative_error)} (optimum {in_words(errors.optimal_error)})",
        f"worst task: {worst} {in_words(errors.task_errors[worst])}",
        f"sum {in_words(errors.sum_error)}",
        f"{format_size(basis.original_bytes)} → {format_size(basis.document.nbytes)}",
    )
    atoms = f"{basis.num_atoms} atom{'' if basis.num_atoms == 1 else 's'}"
    stored = f"{atoms} and a mean" if basis.document.has_mean else atoms
    yield f"{len(basis.tasks)} task vectors → {stored}: {'; '.join(parts)}"
