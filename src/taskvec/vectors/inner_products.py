"""The Gram matrix of task vectors, per tensor, in one streamed pass.

G = VᵀV is all that similarity, bases, certificates and projections need of T vectors in R^P. Cost: one read of the base
and of the S sources, S·P·R multiply-adds for R new rows, float64 throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taskvec.numerics import Backend, backend_for
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import AlignedTensor, Chunk, Job, Kernel, RunOptions, run
from taskvec.vectors.forms import Form

Gram = NDArray[np.float64]


def gram_rows(
    tensors: Sequence[AlignedTensor], forms: Sequence[Form], num_rows: int, options: RunOptions
) -> Mapping[str, Gram]:
    """Take the inner products of the first ``num_rows`` forms with all S forms.

    Args:
        tensors: The combinable tensors, aligned over the forms.
        forms: The S forms, new ones first.
        num_rows: R, how many of them are new.
        options: The limits.

    Returns:
        For each tensor, float64 ``(R, S)``; where R = S only the lower triangle is meant.
    """
    job = gram_job(tensors, forms, num_rows, options)
    return {name: total[:num_rows, : len(forms)] for name, total in run(job, options).items()}


def gram_job(tensors: Sequence[AlignedTensor], forms: Sequence[Form], num_rows: int, options: RunOptions) -> Job:
    """Describe the pass of :func:`gram_rows`, for running or for planning."""
    centered = np.array([form.is_centered for form in forms], np.bool_)
    kernel = _GramKernel(backend_for(options.device), centered, num_rows)
    return Job(f"inner products of {len(forms)} task vectors", tensors, kernel)


class _GramKernel(Kernel):
    def __init__(self, backend: Backend, centered: NDArray[np.bool_], num_rows: int) -> None:
        self._backend = backend
        self._centered = centered
        self._num_rows = num_rows

    def begin(self, tensor: AlignedTensor) -> Gram:
        return np.zeros((padded(self._num_rows), padded(len(tensor.sources))))

    def process(self, chunk: Chunk, state: Gram) -> None:
        tensor = chunk.tensor
        self._backend.gram(
            chunk.base, tensor.base_code, chunk.raw, tensor.codes, self._centered, chunk.count, self._num_rows, state
        )

    def scratch_bytes(self, num_sources: int) -> int:
        return (padded(num_sources) + 1) * TILE * 4 + 8 * padded(num_sources) * padded(self._num_rows)
