"""The Gram matrix of task vectors, per tensor, in one streamed pass.

G = VᵀV is all that similarity, bases, certificates and projections need of T vectors in R^P. Cost: one read of the base
and of the S sources, S·P·R multiply-adds for R new rows, float64 throughout. A tensor in which all vectors are low-rank
is not part of the pass: its products come from the factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import NonFiniteError
from taskvec.numerics import backend_for, load
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import (
    AlignedTensor,
    Chunk,
    ChunkKernel,
    Foreseen,
    Job,
    Journal,
    Pass,
    RunOptions,
    calls_of_reading,
    plan_pass,
    run,
)
from taskvec.vectors.factored_products import factored_products, is_factored
from taskvec.vectors.forms import Form

Gram = NDArray[np.float64]


@dataclass(frozen=True)
class MissingProducts(Pass[Mapping[str, Gram]]):
    """Inner products to be taken: of the first R of S forms with all S, float64 ``(R, S)`` for each tensor.

    Attributes:
        tensors: The combinable tensors, aligned over the forms.
        forms: The S forms, the R new ones first.
        num_rows: R.
        label: What the pass does; by default named after the number of forms.
    """

    tensors: Sequence[AlignedTensor]
    forms: tuple[Form, ...]
    num_rows: int
    label: str | None = None

    @cached_property
    def streamed(self) -> tuple[AlignedTensor, ...]:
        """The tensors that must be multiplied out, or subtracted, and read whole."""
        return tuple(tensor for tensor in self.tensors if not is_factored(tensor, self.forms))

    def job(self, options: RunOptions) -> Job:
        """Describe the pass over the streamed tensors, for running or for planning."""
        centered = np.array([form.is_centered for form in self.forms], np.bool_)
        kernel = GramKernel(options.device, centered, self.num_rows)
        return Job(self.label or f"inner products of {len(self.forms)} task vectors", self.streamed, kernel)

    def foresee(self, options: RunOptions) -> Foreseen[Mapping[str, Gram]]:
        """Return what taking them would cost; nothing where all is known from factors, which are thin."""
        load(calls_of_reading(self.tensors))
        unknown = dict.fromkeys(
            (tensor.name for tensor in self.tensors), np.full((self.num_rows, len(self.forms)), np.nan)
        )
        if not self.streamed:
            return Foreseen(unknown)
        job = self.job(options)
        return Foreseen(unknown, (plan_pass(job.label, job.tensors, job.kernel, options),))

    def run(self, options: RunOptions, journal: Journal | None = None) -> Mapping[str, Gram]:
        """Return the products of each tensor, float64 ``(R, S)``.

        Args:
            options: The limits.
            journal: Where to note what is finished.

        Returns:
            Tensor → products.

        Raises:
            NonFiniteError: If a source holds NaN or infinity.
        """
        totals = run(self.job(options), options, journal) if self.streamed else {}
        products = {}
        for tensor in self.tensors:
            if tensor.name in totals:
                product = totals[tensor.name][0][: self.num_rows, : len(self.forms)]
                products[tensor.name] = symmetric(product) if self.num_rows == len(self.forms) else product
            else:
                products[tensor.name] = factored_products(tensor, self.forms, self.num_rows)
            check_finite(tensor, products[tensor.name])
        return products


def symmetric(lower: Gram) -> Gram:
    """Complete a matrix of which the lower triangle is given."""
    triangle = np.tril(lower)
    return triangle + np.tril(triangle, -1).T


def check_finite(tensor: AlignedTensor, products: Gram) -> None:
    """Refuse a source whose products with all others are not finite.

    Args:
        tensor: The tensor.
        products: Its inner products; columns belong to its sources.

    Raises:
        NonFiniteError: If a source, or the base, holds NaN or infinity.
    """
    is_broken = ~np.isfinite(products)
    if is_broken.any():
        located = tensor.sources[int(np.argmax(is_broken.sum(axis=0)))]
        raise NonFiniteError(
            f"tensor {tensor.name} of {located.checkpoint.ref} (or of its base) holds NaN or infinity: "
            "the checkpoint is broken, fetch or save it again"
        )


@dataclass(frozen=True, eq=False)
class GramKernel(ChunkKernel):
    """Inner products of the first R of S deltas with all S, added up in float64.

    Attributes:
        device: Where to compute.
        centered: Whether each delta is a difference from the base, ``(S,)``.
        num_rows: R.
    """

    calls: ClassVar[tuple[str, ...]] = ("gram",)
    device: str
    centered: NDArray[np.bool_]
    num_rows: int

    def __post_init__(self) -> None:
        backend_for(self.device)  # a device that is not there is refused before anything is done

    def begin(self, tensor: AlignedTensor) -> Gram:
        """Open the sums of a piece."""
        return np.zeros((padded(self.num_rows), padded(len(tensor.sources))))

    def process(self, chunk: Chunk, state: Gram) -> None:
        """Add the products of one chunk."""
        backend_for(self.device).gram(chunk.rows(self.centered), self.num_rows, state)

    def parameters(self) -> bytes:
        """Return what is multiplied."""
        return self.centered.tobytes() + str(self.num_rows).encode()

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of the kernel's tiles and of the sums."""
        return (padded(num_sources) + 1) * TILE * 4 + 8 * padded(num_sources) * padded(self.num_rows)
