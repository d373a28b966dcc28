"""TIES merging (arXiv 2306.01708): trim, elect sign, disjoint mean.

For each task and each tensor of n elements the k = round(density · n) of largest magnitude are kept, among equal ones
those of lower index. The elected sign of an entry is that of the sum of the kept values, + where they add up to zero.
The merge is the mean of the kept values with the elected sign, 0 where there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import ArrayLike, NDArray

from taskvec.checkpoints.derived import DerivedCheckpoint
from taskvec.composition.cuts import Cut, find_cuts, plan_cuts, spans
from taskvec.composition.inputs import MergeInputs
from taskvec.composition.magnitudes import num_kept
from taskvec.errors import CompositionError
from taskvec.numerics.trimming import elect_and_average, warm_up
from taskvec.streaming import AlignedTensor, PlannedPass, RunOptions
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Dense, Source
from taskvec.vectors.task_vector import TaskVector, check_same_base

DENSITY = 0.2
"""The fraction that the paper keeps."""


def check_density(density: float) -> None:
    """Refuse a density that keeps nothing or more than all.

    Args:
        density: The fraction of each tensor to keep.

    Raises:
        CompositionError: If it is not in (0, 1].
    """
    if not 0 < density <= 1:
        raise CompositionError(
            f"ties: density is {density:g}, expected above 0 and at most 1, such as density={DENSITY}"
        )


def ties(deltas: ArrayLike, density: float = DENSITY) -> NDArray[np.float64]:
    """Merge the deltas of one tensor in float64: the definition, in memory.

    Args:
        deltas: ``(T, n)``, one row a task.
        density: The fraction of each row that is kept.

    Returns:
        The merged delta, ``(n,)``.

    Raises:
        CompositionError: If there is no task, or a number is not finite.
    """
    check_density(density)
    rows = np.asarray(deltas, np.float64)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        raise CompositionError(f"ties: expected finite deltas (T, n) of at least one task, found {list(rows.shape)}")
    order = np.argsort(-np.abs(rows), axis=1, kind="stable")[:, : num_kept(rows.shape[1], density)]
    trimmed = np.zeros_like(rows)
    np.put_along_axis(trimmed, order, np.take_along_axis(rows, order, axis=1), axis=1)
    elected = np.where(trimmed.sum(axis=0) >= 0, 1.0, -1.0)
    agreeing = np.where(trimmed * elected > 0, trimmed, 0.0)
    merged: NDArray[np.float64] = agreeing.sum(axis=0) / np.maximum(np.count_nonzero(agreeing, axis=0), 1)
    return merged


class TiesMerge:
    """A TIES merge that is computed as it is read; two passes over its inputs come before the first element.

    Attributes:
        name: What it is called in messages and records.
        inputs: The task vectors.
        density: The fraction of each tensor that is kept.
    """

    def __init__(
        self, name: str, vectors: Mapping[str, TaskVector], density: float = DENSITY, options: RunOptions | None = None
    ) -> None:
        check_density(density)
        if not vectors:
            raise CompositionError("ties: expected at least one task vector, as in ties(math, code)")
        check_same_base(list(vectors.values()))
        warm_up()
        self.name = name
        self.inputs = MergeInputs(next(iter(vectors.values())).base, tuple(vectors.items()))
        self.density = density
        self._options = options or RunOptions()
        self._cuts: Mapping[str, Cut] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<TiesMerge {self.name}>"

    def plan(self, options: RunOptions) -> tuple[PlannedPass, ...]:
        """Return the passes that come before the first element."""
        return plan_cuts(self.inputs, self.density, options)

    def cuts(self, options: RunOptions | None = None) -> Mapping[str, Cut]:
        """Return where every task is cut in every tensor; found when they are first asked for.

        Args:
            options: The limits; those given at first if not given.

        Returns:
            Tensor → cut.
        """
        with self._lock:
            if self._cuts is None:
                self._cuts = find_cuts(self.inputs, self.density, options or self._options)
            return self._cuts

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """The rules that its inputs needed, as plain data."""
        return tuple(use.to_json() for use in self.inputs.alignment.uses)

    @property
    def vector(self) -> TaskVector:
        """The merge as a task vector like any other."""
        inputs = self.inputs
        sources = {
            TensorInfo(tensor.name, DType.F32, tensor.shape): _MergedTensor(self, tensor)
            for tensor in inputs.alignment.combinable
        }
        origins = [inputs.base.checkpoint, *(form.source.checkpoint for form in inputs.forms)]
        identity = blake3(f"ties {self.density!r} {inputs.identity}".encode()).hexdigest()
        source = Source(identity, DerivedCheckpoint(self.name, sources, origins))
        return TaskVector.from_terms(inputs.base, {Dense(source): 1.0}, inputs.allow)


@dataclass(frozen=True)
class _MergedTensor:
    """One tensor of a merge; float32.

    Attributes:
        merge: The merge.
        tensor: The tensor, aligned over the merge's forms.
    """

    merge: TiesMerge
    tensor: AlignedTensor

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with the elements from byte ``offset`` on."""
        values = np.frombuffer(out, np.float32)
        first, tensor, inputs = offset // values.itemsize, self.tensor, self.merge.inputs
        cut, mixing = self.merge.cuts()[tensor.name], inputs.mixing(tensor)
        for span in spans(tensor, first, first + values.size):
            start = span.first - first
            elect_and_average(
                span.base, tensor.base_code, span.raw, tensor.codes, inputs.centered, span.count, mixing, span.first,
                cut.thresholds, cut.ends, values[start : start + span.count],
            )  # fmt: skip
