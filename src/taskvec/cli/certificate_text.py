"""The errors of a basis in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from taskvec.linalg.basis import Basis
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
        f"relative error {errors.relative_error:.3g} (optimum {errors.optimal_error:.3g})",
        f"worst task: {worst} {errors.task_errors[worst]:.3g}",
        f"sum {errors.sum_error:.3g}",
        f"{format_size(basis.original_bytes)} → {format_size(basis.document.nbytes)}",
    )
    yield f"{len(basis.tasks)} task vectors → {basis.num_atoms} atoms: {'; '.join(parts)}"
