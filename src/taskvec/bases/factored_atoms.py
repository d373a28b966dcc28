"""Atoms of low-rank task vectors that keep factors: Σ_t B[t, m] τ_t put side by side and recompressed, never dense.

Where every task vector is a sum of thin products, so is every atom: of rank Σ_t r_t at most. Recompressed by QR and a
small SVD it is the nearest of the rank that is asked for; without one, it is the sum itself but for the directions that
float32 cannot tell from zero. What a lower rank costs is in the certificate, whose inner products are those of the
factors as written. Ours; the paper's atoms are dense.

Cost for R = Σ_t r_t columns: O((m + n)·R²) for each matrix and atom, (m + n)·R numbers read, (m + n)·r written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.adapters.cost import plan_extraction, read_bytes
from taskvec.bases.atoms import atom_filename
from taskvec.checkpoints import CheckpointWriter
from taskvec.checkpoints.factored import LEFT, RIGHT, factored_layout
from taskvec.checkpoints.products import Product
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.linalg.truncation import Truncated, truncated_products
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.one_thread import one_thread_each
from taskvec.numerics.rounding import round_into
from taskvec.streaming import AlignedTensor, PlannedPass, RunOptions
from taskvec.streaming.events import BytesDone, PassFinished, PassStarted
from taskvec.streaming.executors import EXECUTORS
from taskvec.types import DType, TensorInfo
from taskvec.vectors.forms import Form, LowRank
from taskvec.vectors.matrix import matrix_shape

Matrix = NDArray[np.float64]


def atom_ranks(
    tensors: Sequence[AlignedTensor], forms: Sequence[Form], rank: int | None
) -> Mapping[TensorInfo, int] | None:
    """Return the rank that an atom has in each tensor; None where that saves nothing.

    Args:
        tensors: The combinable tensors, aligned over the forms.
        forms: The T forms, each low-rank in every tensor.
        rank: The most that is kept, if that is limited.

    Returns:
        Tensor → rank.
    """
    ranks = {}
    for tensor in tensors:
        columns = sum(product.rank for form in forms for product in _products(form, tensor.name))
        most = columns if rank is None else min(rank, columns)
        info = TensorInfo(tensor.name, DType.F32, tensor.shape)
        ranks[info] = min(most, *matrix_shape(tensor)) if columns else 0
    numbers = sum(info.num_params for info in factored_layout(ranks, DType.F32))
    return ranks if numbers < sum(info.num_params for info in ranks) else None


class FactoredAtoms:
    """The low-rank atoms of one design, to be planned or written.

    Attributes:
        encoders: Tensor → its group's B, ``(T, K_g)``.
    """

    def __init__(
        self,
        tensors: Sequence[AlignedTensor],
        forms: Sequence[Form],
        encoders: Mapping[str, Matrix],
        ranks: Mapping[TensorInfo, int],
        dtype: DType,
    ) -> None:
        self.encoders = encoders
        self._forms = forms
        self._dtype = dtype
        self._ranks = {info.name: (info, rank) for info, rank in ranks.items() if rank}
        self._tensors = [tensor for tensor in tensors if tensor.name in self._ranks]

    @property
    def count(self) -> int:
        """The number of atoms of the group that has most."""
        return max((encoder.shape[1] for encoder in self.encoders.values()), default=0)

    def layout(self, atom: int) -> list[TensorInfo]:
        """Return the tensors of the file of an atom."""
        return factored_layout(dict(self._ranks[tensor.name] for tensor in self._held(atom)), self._dtype)

    def plan(self, options: RunOptions) -> PlannedPass:
        """Return what writing all atoms costs; they are written one after another."""
        most = max((rank for _, rank in self._ranks.values()), default=1)
        remedy = "compress fewer adapters at once (--tasks)"
        label = f"write {self.count} low-rank atoms of {len(self._forms)} task vectors"
        return plan_extraction(
            label, self._tensors, self._forms, RankRule(rank=most), options, times=self.count, remedy=remedy
        )

    def write(self, folder: Path, options: RunOptions) -> list[Path]:
        """Write every atom to its own file, unless that was done.

        Args:
            folder: Where to write.
            options: The limits.

        Returns:
            The files.
        """
        planned, started = self.plan(options), time.perf_counter()
        options.listener(PassStarted(planned.label, planned.read_bytes))
        paths = [self._write(atom, folder, options, planned) for atom in range(self.count)]
        options.listener(PassFinished(planned.label, time.perf_counter() - started))
        return paths

    def _held(self, atom: int) -> list[AlignedTensor]:
        return [tensor for tensor in self._tensors if self.encoders[tensor.name].shape[1] > atom]

    def _write(self, atom: int, folder: Path, options: RunOptions, planned: PlannedPass) -> Path:
        target = folder / atom_filename(atom)
        if target.exists():
            return target
        unfinished = folder / f".{target.name}"
        unfinished.unlink(missing_ok=True)
        with one_thread_each(), CheckpointWriter(folder, self.layout(atom), filename=unfinished.name) as writer:

            def work(tensor: AlignedTensor) -> int:
                for name, values in self._factors(tensor, atom).items():
                    writer.write(name, 0, _rounded(values, self._dtype))
                return read_bytes(tensor, self._forms)

            for size in EXECUTORS[options.executor].run(work, self._held(atom), planned.workers):
                options.listener(BytesDone(planned.label, size))
        unfinished.rename(target)
        return target

    def _factors(self, tensor: AlignedTensor, atom: int) -> dict[str, Matrix]:
        """Return the two factors, filled up with zeros where fewer directions are left than were planned."""
        _, rank = self._ranks[tensor.name]
        weights = self.encoders[tensor.name][:, atom].tolist()
        terms = [
            (weight, product)
            for weight, form in zip(weights, self._forms, strict=True)
            for product in _products(form, tensor.name)
        ]
        found: Truncated = truncated_products(terms, RankRule(rank=rank))
        rows, columns = matrix_shape(tensor)
        left, right = np.zeros((rows, rank)), np.zeros((rank, columns))
        left[:, : found.rank], right[: found.rank] = found.left, found.right
        return {LEFT + tensor.name: left, RIGHT + tensor.name: right}


def _products(form: Form, tensor: str) -> tuple[Product, ...]:
    return (form.products(tensor) or ()) if isinstance(form, LowRank) else ()


def _rounded(values: Matrix, dtype: DType) -> NDArray[Any]:
    raw = np.empty(values.size * dtype.itemsize, np.uint8)
    round_into(np.ascontiguousarray(values, np.float32).reshape(-1), dtype_code(dtype), 0, raw)
    return raw.view(dtype.storage)
