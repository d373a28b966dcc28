"""The devices that kernels run on, behind one small interface: compiled CPU code, or torch on any of its devices."""

from __future__ import annotations

import functools
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from taskvec.numerics import kernels
from taskvec.numerics.codes import BF16
from taskvec.numerics.rows import Rows, one_row

Array = NDArray[Any]
Operation = Literal["combine", "gram", "project", "deltas"]


class Backend(Protocol):
    """Three operations on one chunk; see :mod:`taskvec.numerics.kernels` for shapes and dtypes."""

    def combine(self, rows: Rows, coefficients: Array, base_coefficient: np.float32, out_code: int, out: Array) -> bool:
        """Round a linear combination of the base and the deltas into ``out``; False if it is not finite."""
        ...

    def gram(self, rows: Rows, num_rows: int, total: Array) -> None:
        """Add inner products of deltas to ``total``."""
        ...

    def project(self, rows: Rows, encoder: Array, out_code: int, out: Array, total: Array) -> bool:
        """Round atoms into ``out`` and add their inner products to ``total``; False if one is not finite."""
        ...


class CpuBackend:
    """The compiled kernels."""

    combine = staticmethod(kernels.combine)
    gram = staticmethod(kernels.gram)
    project = staticmethod(kernels.project)


@functools.cache
def backend_for(device: str) -> Backend:
    """Return the backend of a device: ``cpu`` is compiled code, anything else a torch device such as ``cuda``.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``torch`` (torch on the CPU, for comparison).

    Returns:
        The backend.
    """
    if device == "cpu":
        return CpuBackend()
    from taskvec.numerics.torch_backend import TorchBackend

    return TorchBackend("cpu" if device == "torch" else device)


@functools.cache
def warm_up(*operations: Operation) -> None:
    """Load (the first time: compile) kernels, so that the memory they take is known before planning.

    Args:
        operations: Which; all if none is given.
    """
    rows, weights, raw = one_row(), np.ones(1, np.float32), np.zeros((1, 4), np.uint8)
    if "combine" in operations or not operations:
        kernels.combine(rows, weights, np.float32(1), BF16, raw[0])
    if "gram" in operations or not operations:
        kernels.gram(rows, 1, np.zeros((4, 4)))
    if "project" in operations or not operations:
        kernels.project(rows, weights[None], BF16, raw, np.zeros((4, 4)))
    if "deltas" in operations or not operations:
        kernels.deltas_of(rows, weights[None].copy())
