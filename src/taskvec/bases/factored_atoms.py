"""Atoms of low-rank task vectors that keep factors: Σ_t B[t, m] τ_t put side by side and recompressed, never dense.

Where every task vector is a sum of thin products, so is every atom: of rank Σ_t r_t at most. Recompressed by QR and a
small SVD it is the nearest of the rank that is asked for; without one, it is the sum itself but for the directions that
float32 cannot tell from zero. What a lower rank costs is in the certificate, whose inner products are those of the
factors as written. Ours; the paper's atoms are dense.

Cost for R = Σ_t r_t columns: O((m + n)·R²) for each matrix and atom, (m + n)·R numbers read, (m + n)·r written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.adapters.truncating import factor_bytes, recompressed, recompressing_bytes
from taskvec.bases.atoms import atom_filename
from taskvec.checkpoints import Checkpoint, CheckpointWriter, expected_checkpoint, open_checkpoint
from taskvec.checkpoints.factored import LEFT, RIGHT, factored_layout
from taskvec.linalg.subspaces.rank_rule import RankRule
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.streaming import (
    AlignedTensor,
    Arrays,
    Foreseen,
    Job,
    NotesOf,
    Pass,
    RunOptions,
    TensorKernel,
    TensorSink,
    plan_pass,
    run,
)
from taskvec.streaming.kernel import Written
from taskvec.types import DType, TensorInfo
from taskvec.vectors.factored_products import num_columns
from taskvec.vectors.forms import Form
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
        columns = num_columns(tensor, forms)
        most = columns if rank is None else min(rank, columns)
        info = TensorInfo(tensor.name, DType.F32, tensor.shape)
        ranks[info] = min(most, *matrix_shape(tensor)) if columns else 0
    numbers = sum(info.num_params for info in factored_layout(ranks, DType.F32))
    return ranks if numbers < sum(info.num_params for info in ranks) else None


@dataclass(frozen=True)
class FactorKernel(TensorKernel):
    """Writes the two factors of every atom in every tensor; reduces nothing.

    Attributes:
        forms: The T forms.
        encoders: Tensor → its group's B, ``(T, K_g)``.
        ranks: Tensor → the rank of atoms in it.
        dtype: The dtype of the factors.
    """

    calls: ClassVar[tuple[str, ...]] = ("gram", "round_into", "linear_algebra")
    remedy: ClassVar[str] = "compress fewer adapters at once (--tasks)"
    forms: tuple[Form, ...]
    encoders: Mapping[str, Matrix]
    ranks: Mapping[str, int]
    dtype: DType

    def whole(self, tensor: AlignedTensor, writers: Sequence[TensorSink], threads: int) -> Arrays:  # noqa: ARG002
        """Write one tensor of every atom that has it."""
        for atom in range(self._count(tensor)):
            for name, values in self.factors(tensor, atom).items():
                writers[atom].write(name, 0, _rounded(values, self.dtype))
        return ()

    def factors(self, tensor: AlignedTensor, atom: int) -> dict[str, Matrix]:
        """Return the two factors, filled up with zeros where fewer directions are left than were planned."""
        rank, weights = self.ranks[tensor.name], self.encoders[tensor.name][:, atom].tolist()
        found = recompressed(tensor, self.forms, weights, RankRule(rank=rank))
        rows, columns = matrix_shape(tensor)
        left, right = np.zeros((rows, rank)), np.zeros((rank, columns))
        left[:, : found.rank], right[: found.rank] = found.left, found.right
        return {LEFT + tensor.name: left, RIGHT + tensor.name: right}

    def unit_bytes(self, tensor: AlignedTensor) -> int:
        """Return what one atom takes; they are made one after another."""
        return recompressing_bytes(tensor, self.forms)

    def read_bytes(self, tensor: AlignedTensor, count: int) -> int:  # noqa: ARG002
        """Count the factors of all forms, once for every atom."""
        return self._count(tensor) * factor_bytes(tensor, num_columns(tensor, self.forms))

    def written_bytes(self, tensor: AlignedTensor, count: int, writers: int) -> int:  # noqa: ARG002
        """Count the factors of every atom."""
        return self._count(tensor) * factor_bytes(tensor, self.ranks[tensor.name], self.dtype.itemsize)

    def written(self, tensor: AlignedTensor, count: int, writers: Sequence[TensorSink]) -> Written:  # noqa: ARG002
        """Yield the factors of every atom."""
        rows, columns = matrix_shape(tensor)
        rank = self.ranks[tensor.name]
        for writer in writers[: self._count(tensor)]:
            yield writer, LEFT + tensor.name, rows * rank
            yield writer, RIGHT + tensor.name, rank * columns

    def parameters(self) -> bytes:
        """Return what is added up, and at which ranks."""
        encoders = [name.encode() + encoder.tobytes() for name, encoder in self.encoders.items()]
        said = repr(([form.identity for form in self.forms], dict(self.ranks), self.dtype))
        return b"\0".join([said.encode(), *encoders])

    def _count(self, tensor: AlignedTensor) -> int:
        return int(self.encoders[tensor.name].shape[1])


@dataclass(frozen=True)
class FactoredAtoms(Pass[tuple[Checkpoint, ...]]):
    """Writing the low-rank atoms of one design, each to its own file; what is there of a killed run is kept.

    Attributes:
        tensors: The combinable tensors, aligned over the forms.
        forms: The T forms.
        encoders: Tensor → its group's B, ``(T, K_g)``.
        ranks: Tensor → the rank of atoms in it; those of rank 0 are in no atom.
        dtype: The dtype of the factors.
        folder: Where to write.
        is_resumed: Whether a killed run of the same pass left files there.
        notes: Where to note what is finished.
    """

    tensors: Sequence[AlignedTensor]
    forms: tuple[Form, ...]
    encoders: Mapping[str, Matrix]
    ranks: Mapping[TensorInfo, int]
    dtype: DType
    folder: Path
    is_resumed: bool
    notes: NotesOf

    @property
    def count(self) -> int:
        """The number of atoms of the group that has most."""
        return max((encoder.shape[1] for encoder in self.encoders.values()), default=0)

    def layout(self, atom: int) -> list[TensorInfo]:
        """Return the tensors of the file of an atom."""
        held = {info: rank for info, rank in self.ranks.items() if rank and self._has(info, atom)}
        return factored_layout(held, self.dtype)

    def _has(self, tensor: TensorInfo, atom: int) -> bool:
        return bool(self.encoders[tensor.name].shape[1] > atom)

    def job(self, writers: tuple[TensorSink, ...] = ()) -> Job:
        """Describe the pass, for running or for planning."""
        ranks = {info.name: rank for info, rank in self.ranks.items() if rank}
        kernel = FactorKernel(self.forms, self.encoders, ranks, self.dtype)
        label = f"write {self.count} low-rank atoms of {len(self.forms)} task vectors"
        return Job(label, [tensor for tensor in self.tensors if tensor.name in ranks], kernel, writers)

    def foresee(self, options: RunOptions) -> Foreseen[tuple[Checkpoint, ...]]:
        """Return what writing all atoms costs."""
        job, layouts = self.job(), [self.layout(atom) for atom in range(self.count)]
        atoms = tuple(expected_checkpoint(atom_filename(m), infos) for m, infos in enumerate(layouts))
        sizes = [CheckpointWriter.plan_bytes(infos, filename=atom_filename(m)) for m, infos in enumerate(layouts)]
        return Foreseen(atoms, (plan_pass(job.label, job.tensors, job.kernel, options),), sum(sizes))

    def run(self, options: RunOptions) -> tuple[Checkpoint, ...]:
        """Write them, and open the files."""
        names = [atom_filename(atom) for atom in range(self.count)]
        writers = tuple(
            CheckpointWriter(self.folder, self.layout(atom), filename=name, resume=self.is_resumed)
            for atom, name in enumerate(names)
        )
        job = self.job(writers)
        with self.notes(job) as journal:
            run(job, options, journal)
        for writer in writers:
            writer.close()
        return tuple(open_checkpoint(self.folder / name) for name in names)


def _rounded(values: Matrix, dtype: DType) -> NDArray[Any]:
    raw = np.empty(values.size * dtype.itemsize, np.uint8)
    round_into(np.ascontiguousarray(values, np.float32).reshape(-1), dtype_code(dtype), 0, raw)
    return raw.view(dtype.storage)
