"""What a basis is for one group of tensors: coefficients, inner products of atoms, and the errors that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.certificate import known, residual_gram
from taskvec.store.kinds.bases import GroupDocument, UnknownRows

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class BasisGroup:
    """K_g atoms for T task vectors, restricted to some tensors.

    Attributes:
        name: The group.
        tensors: Its tensors.
        tasks: The T names.
        encoder: B, ``(T, K_g)``; None where atoms are not made of these tasks.
        decoder: W, ``(K_g, T)``.
        atom_gram: H = ŜᵀŜ, ``(K_g, K_g)``.
        cross: C = ŜᵀV, ``(K_g, T)``.
        energy: ‖τ_t‖² in these tensors, ``(T,)``.
    """

    name: str
    tensors: tuple[str, ...]
    tasks: tuple[str, ...]
    encoder: Matrix | None
    decoder: Matrix
    atom_gram: Matrix
    cross: Matrix
    energy: Matrix

    @classmethod
    def of(cls, document: GroupDocument, tasks: tuple[str, ...]) -> BasisGroup:
        """Take a group from a store's document.

        Args:
            document: The document.
            tasks: The T names.

        Returns:
            The group.
        """
        count = len(document.decoder)
        return cls(
            name=document.name,
            tensors=document.tensors,
            tasks=tasks,
            encoder=None if document.encoder is None else np.array(document.encoder).reshape(len(tasks), count),
            decoder=np.array(document.decoder).reshape(count, len(tasks)),
            atom_gram=np.array(document.atom_gram).reshape(count, count),
            cross=with_unknown(document.cross).reshape(count, len(tasks)),
            energy=with_unknown([document.energy])[0],
        )

    @property
    def lost(self) -> Matrix:
        """‖τ̂_t − τ_t‖² in these tensors, ``(T,)``."""
        residual = residual_gram(np.diag(self.energy), self.atom_gram, self.cross, self.decoder)
        lost: Matrix = np.maximum(np.diag(residual), 0.0)
        return lost

    @property
    def relative_error(self) -> float:
        """‖V̂ − V‖_F / ‖V‖_F in these tensors; 0 where all is zero."""
        total = float(self.energy.sum())
        return 0.0 if total == 0 else float(np.sqrt(self.lost.sum() / total))

    @property
    def task_errors(self) -> dict[str, float]:
        """‖τ̂ − τ‖ / ‖τ‖ of each task in these tensors; 0 where it is zero there."""
        ratios = np.divide(self.lost, self.energy, out=np.zeros_like(self.energy), where=self.energy != 0)
        return dict(zip(self.tasks, np.sqrt(ratios).tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return number of atoms and errors as the command line prints them."""
        errors = {task: known(error) for task, error in self.task_errors.items()}
        return {"num_stored": len(self.decoder), "relative_error": known(self.relative_error), "task_errors": errors}


def with_unknown(rows: UnknownRows) -> Matrix:
    """Return a matrix in which NaN stands for what is not known."""
    return np.array([[np.nan if value is None else value for value in row] for row in rows], np.float64)


def without_nan(matrix: Matrix) -> UnknownRows:
    """Return a matrix row by row, with None for NaN."""
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]
