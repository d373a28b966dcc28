"""What a basis is for one group of tensors: coefficients, inner products of atoms, and the errors that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.linalg.certificate import residual_gram
from taskvec.vectors.manifests import GroupDocument

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
            cross=np.array(document.cross).reshape(count, len(tasks)),
            energy=np.array(document.energy),
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
        return float(np.sqrt(self.lost.sum() / total)) if total > 0 else 0.0

    @property
    def task_errors(self) -> dict[str, float]:
        """‖τ̂ − τ‖ / ‖τ‖ of each task in these tensors; 0 where it is zero there."""
        ratios = np.divide(self.lost, self.energy, out=np.zeros_like(self.energy), where=self.energy > 0)
        return dict(zip(self.tasks, np.sqrt(ratios).tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return number of atoms and errors as the command line prints them."""
        errors = {"relative_error": self.relative_error, "task_errors": self.task_errors}
        return {"num_stored": len(self.decoder), **errors}
