"""An unknown checkpoint against the tasks of a store: in whose unique space does its task vector lie?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from taskvec.checkpoints import open_checkpoint
from taskvec.errors import DecompositionError
from taskvec.linalg.decomposition.attribution import SharesOfMatrix, shares_of
from taskvec.linalg.decomposition.matrix_pass import Numbered, over_matrices, plan_matrices
from taskvec.linalg.decomposition.reading import MatrixReader
from taskvec.linalg.decomposition.request import Request, Wanted
from taskvec.linalg.decomposition.sides import Side
from taskvec.linalg.decomposition.splitting import read_factors
from taskvec.vectors.alignment import align
from taskvec.vectors.saved_vectors import form_of
from taskvec.vectors.store import Store
from taskvec.vectors.task_vector import Ref


@dataclass(frozen=True)
class Attribution:
    """Shares of the energy that an unknown task vector has in the matrices that were looked at.

    Attributes:
        shared: In the shared subspaces.
        unique: Task → in its unique spaces.
        chance: Task → what a random vector would have there.
    """

    shared: float
    unique: Mapping[str, float]
    chance: Mapping[str, float]

    @property
    def nearest(self) -> str:
        """The task whose unique spaces hold most beyond chance."""
        return max(self.unique, key=lambda task: self.unique[task] - self.chance[task])

    def to_json(self) -> dict[str, Any]:
        """Return the shares as plain data."""
        return {
            "shared": self.shared,
            "unique": dict(self.unique),
            "chance": dict(self.chance),
            "nearest": self.nearest,
        }


def attribute(store: Store, ref: Ref, **wanted: Unpack[Wanted]) -> Attribution:
    """Say how much of an unknown checkpoint's task vector lies in the unique space of each task.

    Cost: one pass that reads the base twice, and every task and the unknown once.

    Args:
        store: The store.
        ref: A fine-tuned model of its base, or a task vector.
        **wanted: As for ``decompose``; one side, and no groups or control.

    Returns:
        The shares.

    Raises:
        DecompositionError: If both sides, groups or a control are asked for, or the unknown equals the base.
    """
    request = Request.of(store, **wanted)
    if request.side is Side.BOTH or len(request.tree) > 1 or request.control:
        raise DecompositionError("attribution looks at one side of all tasks: use left or right, no groups, no control")
    with open_checkpoint(ref) as unknown:
        form = form_of(unknown, store.base, store.options)
        tensors = {tensor.name: tensor for tensor in align(store.base.checkpoint, [form]).combinable}

        def work(item: Numbered) -> SharesOfMatrix:
            return _shares(item, MatrixReader(tensors[item[1].name], [form]), request)

        planned = plan_matrices(request)
        found = list(over_matrices(work, list(enumerate(request.matrices)), request, planned))
    energy = sum(shares.energy for shares in found)
    if energy <= 0:
        raise DecompositionError(f"{ref}: equals the base {store.base} in every matrix: there is nothing to attribute")
    return Attribution(
        shared=sum(shares.shared for shares in found) / energy,
        unique={task: sum(shares.unique[task] for shares in found) / energy for task in request.tasks},
        chance={task: sum(shares.chance[task] for shares in found) / energy for task in request.tasks},
    )


def _shares(item: Numbered, unknown: MatrixReader, request: Request) -> SharesOfMatrix:
    reader = MatrixReader(item[1], request.forms)
    bases = {task: request.side.basis(read_factors(reader, t, request)) for t, task in enumerate(request.tasks)}
    dimension = request.side.dimension(reader.shape)
    shared = request.sharing.share(list(bases.values()), dimension).directions.vectors
    matrix = unknown.finite_delta(0)
    return shares_of(matrix if request.side is Side.LEFT else np.ascontiguousarray(matrix.T), bases, shared)
