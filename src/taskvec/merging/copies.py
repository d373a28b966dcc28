"""Tensors that no arithmetic applies to: a merge keeps the base's, which all inputs must share."""

from __future__ import annotations

import numpy as np

from taskvec.errors import AlignmentError
from taskvec.merging.inputs import MergeInputs
from taskvec.streaming import Chunk, Job, Kernel
from taskvec.vectors.alignment import Rule, describe_changed_copy


class CopyKernel(Kernel):
    """Checks that what is only copied is the base's; reduces nothing."""

    def __init__(self, inputs: MergeInputs) -> None:
        self._inputs = inputs

    def process(self, chunk: Chunk, state: None) -> None:  # noqa: ARG002
        """Compare one chunk.

        Raises:
            AlignmentError: If a source differs.
        """
        tensor = chunk.tensor
        size = chunk.count * tensor.located[0].info.dtype.itemsize
        for located, row in zip(tensor.sources, chunk.raw, strict=True):
            if not np.array_equal(row[:size], chunk.base[:size]):
                raise AlignmentError(describe_changed_copy(located, tensor.name))

    def parameters(self) -> bytes:
        """Return what is compared."""
        return self._inputs.identity.encode()


def copy_job(inputs: MergeInputs) -> Job | None:
    """Return the pass that compares what is copied; None where there is nothing to compare."""
    if Rule.INTEGERS in inputs.allow:
        return None
    copied = tuple(tensor for tensor in inputs.alignment.tensors if not tensor.is_combinable)
    return Job(f"compare {len(copied)} copied tensors", copied, CopyKernel(inputs)) if copied else None
