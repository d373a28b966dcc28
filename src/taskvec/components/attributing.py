"""An unknown checkpoint against the tasks of a store: in whose unique space does its task vector lie?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.components.matrix_pass import Numbered, over_matrices
from taskvec.components.matrix_plan import base_bytes, plan_matrices, task_bytes, with_threads
from taskvec.components.request import Request, Wanted
from taskvec.components.splitting import read_factors
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.attribution import SharesOfMatrix, shares_of
from taskvec.linalg.subspaces.sides import Side
from taskvec.store.store import Store
from taskvec.streaming import AlignedTensor, Plan, make_plan
from taskvec.vectors.alignment import align
from taskvec.vectors.forms import Form
from taskvec.vectors.matrix import MatrixReader, matrix_shape
from taskvec.vectors.saved_vectors import form_of
from taskvec.vectors.task_vector import Ref

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """Shares of the energy that an unknown task vector has in the matrices that were looked at.

    Attributes:
        ref: The unknown.
        shared: In the shared subspaces.
        unique: Task → in its unique spaces.
        chance: Task → what a random vector would have there.
    """

    ref: str
    shared: float
    unique: Mapping[str, float]
    chance: Mapping[str, float]

    @property
    def nearest(self) -> str | None:
        """The task whose unique spaces hold most beyond chance; None where none holds more than chance."""
        task = max(self.unique, key=lambda task: self.unique[task] - self.chance[task])
        return task if self.unique[task] > self.chance[task] else None

    def to_json(self) -> dict[str, Any]:
        """Return the shares as plain data."""
        return {
            "ref": self.ref,
            "shared": self.shared,
            "unique": dict(self.unique),
            "chance": dict(self.chance),
            "nearest": self.nearest,
        }


@dataclass(frozen=True)
class _Unknown:
    tensor: AlignedTensor
    form: Form


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
    request = _request(store, wanted)
    with open_checkpoint(ref) as unknown:
        tensors = _unknown_tensors(unknown, store)
        sizes = _read_bytes(request, tensors)

        def work(item: Numbered) -> SharesOfMatrix:
            return _shares(item, tensors[item[1].name], threaded)

        planned = plan_matrices(request, _label(ref, request), sizes)
        threaded = with_threads(request, planned)
        found = list(over_matrices(work, list(enumerate(request.matrices)), request, planned, sizes))
    energy = sum(shares.energy for shares in found)
    if energy <= 0:
        raise DecompositionError(f"{ref}: equals the base {store.base} in every matrix: there is nothing to attribute")
    return Attribution(
        ref=str(ref),
        shared=sum(shares.shared for shares in found) / energy,
        unique={task: sum(shares.unique[task] for shares in found) / energy for task in request.tasks},
        chance={task: sum(shares.chance[task] for shares in found) / energy for task in request.tasks},
    )


def plan_attribute(store: Store, ref: Ref, **wanted: Unpack[Wanted]) -> Plan:
    """Return what attribution would cost, without reading a weight.

    Args:
        store: The store.
        ref: The unknown.
        **wanted: As for ``attribute``.

    Returns:
        The plan.
    """
    request = _request(store, wanted)
    with open_checkpoint(ref) as unknown:
        sizes = _read_bytes(request, _unknown_tensors(unknown, store))
    return make_plan([plan_matrices(request, _label(ref, request), sizes)], store.options)


def _request(store: Store, wanted: Wanted) -> Request:
    """Check what is asked for.

    Raises:
        DecompositionError: If both sides, groups or a control are asked for.
    """
    request = Request.of(store, **wanted)
    if request.side is Side.BOTH or len(request.tree) > 1 or request.control:
        raise DecompositionError("attribution looks at one side of all tasks: use left or right, no groups, no control")
    return request


def _unknown_tensors(unknown: Checkpoint, store: Store) -> Mapping[str, _Unknown]:
    form = form_of(unknown, store.base, store.options)
    return {tensor.name: _Unknown(tensor, form) for tensor in align(store.base.checkpoint, [form]).combinable}


def _read_bytes(request: Request, unknown: Mapping[str, _Unknown]) -> list[int]:
    """Return what is read for each matrix: the base twice, every task and the unknown once."""
    return [
        2 * base_bytes(tensor) + task_bytes(tensor) + task_bytes(unknown[tensor.name].tensor)
        for tensor in request.matrices
    ]


def _label(ref: Ref, request: Request) -> str:
    return f"attribute {ref} to {len(request.tasks)} task vectors in {len(request.matrices)} matrices"


def _shares(item: Numbered, unknown: _Unknown, request: Request) -> SharesOfMatrix:
    bases = _bases(MatrixReader(item[1], request.forms), request)
    dimension = request.side.dimension(matrix_shape(item[1]))
    shared = request.sharing.share(list(bases.values()), dimension).directions.vectors
    matrix = MatrixReader(unknown.tensor, [unknown.form]).finite_delta(0)
    return shares_of(matrix if request.side is Side.LEFT else np.ascontiguousarray(matrix.T), bases, shared)


def _bases(reader: MatrixReader, request: Request) -> dict[str, Matrix]:
    """Return the singular directions of every task; the base is let go before the unknown is read."""
    return {task: request.side.basis(read_factors(reader, t, request)) for t, task in enumerate(request.tasks)}
