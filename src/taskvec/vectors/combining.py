"""The kernel of an edit: a linear combination where arithmetic applies, a checked copy elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.errors import AlignmentError, NonFiniteError
from taskvec.numerics import backend_for
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.kernels import TILE
from taskvec.numerics.rounding import widen
from taskvec.streaming import Chunk, ChunkKernel
from taskvec.vectors.alignment import Rule, describe_changed_copy
from taskvec.vectors.coefficients import CoefficientTable


@dataclass(frozen=True, eq=False)
class CombineKernel(ChunkKernel):
    """θ + Σ coefficient · delta where arithmetic applies; elsewhere the base's bytes, which all sources must share.

    Attributes:
        device: Where to compute.
        centered: Whether each delta is a difference from the base, ``(S,)``.
        coefficients: Of each delta.
        base_coefficient: Of the base.
        allow: The rules that may cover what is otherwise an error.
    """

    calls: ClassVar[tuple[str, ...]] = ("combine",)
    device: str
    centered: NDArray[np.bool_]
    coefficients: CoefficientTable
    base_coefficient: np.float32
    allow: frozenset[Rule]

    def __post_init__(self) -> None:
        backend_for(self.device)  # a device that is not there is refused before anything is done

    def process(self, chunk: Chunk, state: None) -> None:  # noqa: ARG002
        """Compute one chunk."""
        if chunk.tensor.is_combinable:
            self._combine(chunk)
        else:
            self._copy(chunk)

    def _combine(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        is_finite = backend_for(self.device).combine(
            chunk.rows(self.centered), self.coefficients.row(tensor.name), self.base_coefficient,
            dtype_code(tensor.output_dtype), chunk.outputs[0],
        )  # fmt: skip
        if not is_finite and Rule.NON_FINITE not in self.allow:
            raise NonFiniteError(_describe_non_finite(chunk))

    def _copy(self, chunk: Chunk) -> None:
        tensor = chunk.tensor
        size = chunk.count * tensor.located[0].info.dtype.itemsize
        chunk.outputs[0, :size] = chunk.base[:size]
        if Rule.INTEGERS in self.allow:
            return
        for located, row in zip(tensor.sources, chunk.raw, strict=True):
            if not np.array_equal(row[:size], chunk.base[:size]):
                raise AlignmentError(describe_changed_copy(located, tensor.name))

    def parameters(self) -> bytes:
        """Return coefficients and rules."""
        numbers = (self.centered.tobytes(), self.coefficients.tobytes(), self.base_coefficient.tobytes())
        return b"\0".join([*numbers, ",".join(sorted(self.allow)).encode()])

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of the kernel's tiles."""
        return 3 * 4 * TILE + 4 * num_sources


def _describe_non_finite(chunk: Chunk) -> str:
    tensor = chunk.tensor
    rows = [chunk.base, *chunk.raw] if tensor.base else list(chunk.raw)
    for located, row in zip(tensor.located, rows, strict=True):
        values = np.empty(chunk.count, np.float32)
        widen(row, dtype_code(located.info.dtype), 0, chunk.count, values)
        if not np.isfinite(values).all():
            return (
                f"tensor {tensor.name} of {located.checkpoint.ref} holds NaN or infinity: the checkpoint is broken, "
                f"fetch it again, or pass --allow {Rule.NON_FINITE}"
            )
    return (
        f"tensor {tensor.name}: the result overflows {tensor.output_dtype}: use smaller coefficients or a wider --dtype"
    )
