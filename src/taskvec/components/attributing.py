"""An unknown checkpoint against the tasks of a store: in whose unique space does its task vector lie?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Unpack

import numpy as np

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.components.request import Request, Splitting, Wanted
from taskvec.components.splitting import TaskMatrices
from taskvec.errors import DecompositionError
from taskvec.linalg.subspaces.attribution import shares_of
from taskvec.linalg.subspaces.sides import Side
from taskvec.store.store import Store
from taskvec.streaming import AlignedTensor, Arrays, Job, Reducing, Steps, TensorKernel, TensorSink, run_steps
from taskvec.vectors.alignment import align
from taskvec.vectors.matrix import MatrixReader, matrix_shape
from taskvec.vectors.saved_vectors import form_of
from taskvec.vectors.task_vector import Ref


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
class ShareKernel(TensorKernel):
    """Measures an unknown matrix, the last source of a tensor, against the spaces of the tasks before it.

    A matrix is reduced to the energies of the unknown and of its shared part ``(2,)``, and for every task of its unique
    part and what chance would give ``(2, T)``.

    Attributes:
        splitting: How the tasks' matrices are split.
        is_centered: Whether the unknown delta is its difference from the base.
    """

    calls: ClassVar[tuple[str, ...]] = ("deltas", "gram", "linear_algebra")
    remedy: ClassVar[str] = "use --rank with less"
    splitting: Splitting
    is_centered: bool

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:  # noqa: ARG002
        """Read the tasks one after another, and then the unknown; the base is let go between the two."""
        how = self.splitting
        known, unknown = (replace(tensor, sources=part) for part in (tensor.sources[:-1], tensor.sources[-1:]))
        matrices = TaskMatrices(MatrixReader(known, how.centered), how, threads)
        bases = {task: how.side.basis(matrices.factors(t)) for t, task in enumerate(how.tasks)}
        del matrices
        shared = how.sharing.share(list(bases.values()), how.side.dimension(matrix_shape(tensor))).directions.vectors
        matrix = MatrixReader(unknown, [self.is_centered]).finite_delta(0)
        found = shares_of(matrix if how.side is Side.LEFT else np.ascontiguousarray(matrix.T), bases, shared)
        by_task = [[shares[task] for task in how.tasks] for shares in (found.unique, found.chance)]
        return np.array([found.energy, found.shared]), np.array(by_task)

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return the most that splitting the tasks' matrices holds at once."""
        return self.splitting.unit_bytes(tensor)

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:
        """Count the base twice, every task and the unknown once."""
        own = count * tensor.base.info.dtype.itemsize if tensor.base else 0
        return tensor.read_bytes(count) + own

    def parameters(self) -> bytes:
        """Return how matrices are split."""
        return f"{self.splitting} {self.is_centered}".encode()


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
    return run_steps(attributing(store, ref, **wanted), store.options)


def attributing(store: Store, ref: Ref, **wanted: Unpack[Wanted]) -> Steps[Attribution]:
    """Take the steps of :func:`attribute`.

    Raises:
        DecompositionError: If both sides, groups or a control are asked for, or the unknown equals the base.
    """
    request = _request(store, wanted)
    unread = (np.full(2, np.nan), np.full((2, len(request.tasks)), np.nan))
    with open_checkpoint(ref) as unknown:
        found = yield from Reducing(_job(request, ref, unknown), lambda _: unread)
    energy, shared = np.add.reduce([arrays[0] for arrays in found.values()]).tolist()
    if energy <= 0:
        raise DecompositionError(f"{ref}: equals the base {store.base} in every matrix: there is nothing to attribute")
    unique, chance = (np.add.reduce([arrays[1] for arrays in found.values()]) / energy).tolist()
    return Attribution(
        ref=str(ref),
        shared=shared / energy,
        unique=dict(zip(request.tasks, unique, strict=True)),
        chance=dict(zip(request.tasks, chance, strict=True)),
    )


def _request(store: Store, wanted: Wanted) -> Request:
    """Check what is asked for.

    Raises:
        DecompositionError: If both sides, groups or a control are asked for.
    """
    request = Request.of(store, **wanted)
    how = request.splitting
    if how.side is Side.BOTH or len(how.tree) > 1 or how.control:
        raise DecompositionError("attribution looks at one side of all tasks: use left or right, no groups, no control")
    return request


def _job(request: Request, ref: Ref, unknown: Checkpoint) -> Job:
    """Describe the pass: the matrices of all tasks, with that of the unknown behind them."""
    store = request.store
    form = form_of(unknown, store.base, store.options)
    own = {tensor.name: tensor.sources for tensor in align(store.base.checkpoint, [form]).combinable}
    tensors = tuple(replace(tensor, sources=(*tensor.sources, *own[tensor.name])) for tensor in request.matrices)
    label = f"attribute {ref} to {len(request.tasks)} task vectors in {len(request.matrices)} matrices"
    return Job(label, tensors, ShareKernel(request.splitting, form.is_centered))
