"""What was found: how each matrix was split, and the parts as task vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.components.notes import notes
from taskvec.linalg.groups import Grouping
from taskvec.linalg.subspaces.nested import ROOT
from taskvec.store.kinds.decompositions import DecompositionDocument, MatrixDocument
from taskvec.store.store import Store
from taskvec.vectors.task_vector import TaskVector


@dataclass(frozen=True)
class Decomposition:
    """T task vectors of a store, each split into a shared and a unique component.

    Attributes:
        store: The store.
        tasks: The T names, as the store has them.
        document: What the store knows of the split.
    """

    store: Store
    tasks: tuple[str, ...]
    document: DecompositionDocument

    def __repr__(self) -> str:
        return f"<Decomposition of {', '.join(self.tasks)}: {self.shared_dimensions} shared dimensions>"

    def shared(self, task: str) -> TaskVector:
        """Return the shared component of a task."""
        return self.store[f"{task}.shared"]

    def unique(self, task: str) -> TaskVector:
        """Return the unique component of a task."""
        return self.store[f"{task}.unique"]

    def consensus(self) -> TaskVector:
        """Return the mean of the shared components of all tasks."""
        first, *others = [self.shared(task) for task in self.tasks]
        return sum(others, first) / len(self.tasks)

    @property
    def shared_dimensions(self) -> int:
        """Dimensions that all tasks share, over all matrices."""
        return sum(shared_rank(matrix, ROOT) for matrix in self.document.matrices)

    @cached_property
    def shared_energy(self) -> Mapping[str, float]:
        """‖shared component‖² of every task."""
        own = [task.name for task in self.document.tasks]
        return {
            name: sum(energy_in(matrix, task) for matrix in self.document.matrices)
            for name, task in zip(self.tasks, own, strict=True)
        }

    def shared_energy_by_layer(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the layers (L) and the share of each task's energy in them that is shared, ``(L, T)``.

        Only matrices count; NaN where a task did not change a layer.
        """
        found = {Grouping.LAYER.group_of(matrix.name) for matrix in self.document.matrices}
        layers = sorted(found, key=by_numbers)
        shared, whole = (np.zeros((len(layers), len(self.tasks))) for _ in range(2))
        for matrix in self.document.matrices:
            row = layers.index(Grouping.LAYER.group_of(matrix.name))
            for column, task in enumerate(self.document.tasks):
                shared[row, column] += energy_in(matrix, task.name)
                whole[row, column] += matrix.energy[task.name]
        with np.errstate(invalid="ignore"):
            return tuple(layers), shared / np.where(whole > 0, whole, np.nan)

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known before the parts are used."""
        return notes(self.store, self.tasks, self.document)

    def to_json(self) -> dict[str, Any]:
        """Return what was found, as the command line prints it."""
        return {
            "groups": [_matrix_json(matrix) for matrix in self.document.matrices],
            "tasks": {task: self._task_json(task) for task in self.tasks},
            "shared_dimensions": self.shared_dimensions,
            "bytes": self.document.nbytes,
            "notes": list(self.notes),
        }

    def _task_json(self, task: str) -> dict[str, float]:
        norm = self.store.documents.vector(task).norm
        shared = self.shared_energy[task]
        return {
            "norm": norm,
            "shared_norm": shared**0.5,
            "unique_norm": max(norm**2 - shared, 0.0) ** 0.5,
            "shared_energy": shared / norm**2 if norm else 0.0,
        }


def by_numbers(name: str) -> list[tuple[int, str]]:
    """Return what sorts layer 2 before layer 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]


def shared_rank(matrix: MatrixDocument, group: str) -> int:
    """Return the dimensions that a group shares in one matrix."""
    sharing = matrix.groups.get(group)
    return sharing.rank if sharing else 0


def energy_in(matrix: MatrixDocument, task: str) -> float:
    """Return ‖shared component‖² of a task in one matrix, over all groups that it belongs to."""
    return sum(sharing.energy.get(task, 0.0) for sharing in matrix.groups.values())


def _matrix_json(matrix: MatrixDocument) -> dict[str, Any]:
    root = matrix.groups.get(ROOT)
    inner = {group: sharing for group, sharing in matrix.groups.items() if group != ROOT}
    result: dict[str, Any] = {
        "name": matrix.name,
        "shape": list(matrix.shape),
        "ranks": matrix.ranks,
        "shared_rank": shared_rank(matrix, ROOT),
        "threshold": root.threshold if root else None,
        "largest": root.largest if root else None,
        "angles": list(root.angles) if root else [],
        "shared_energy": {
            task: energy_in(matrix, task) / energy if energy else 0.0 for task, energy in matrix.energy.items()
        },
        "left_out": matrix.left_out,
    }
    if inner:
        result["within"] = {
            group: {"shared_rank": sharing.rank, "threshold": sharing.threshold, "angles": list(sharing.angles)}
            for group, sharing in inner.items()
        }
    return result
