"""The pass that writes atoms: M rounded combinations of T deltas, their digests and inner products, in one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.checkpoints import CheckpointWriter, StagedOutput
from taskvec.errors import NonFiniteError
from taskvec.numerics import Backend, backend_for
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import AlignedTensor, Chunk, Job, Journal, Kernel, RunOptions, run
from taskvec.types import DType, TensorInfo
from taskvec.vectors.fingerprints import Digests, tensor_digest
from taskvec.vectors.forms import Form

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WrittenAtoms:
    """What the pass learned.

    Attributes:
        digests: For each atom, the digest of every tensor.
        atom_gram: H = ŜᵀŜ per tensor, of the atoms as rounded, ``(M, M)`` each.
        cross: C = ŜᵀV per tensor, ``(M, T)`` each.
    """

    digests: tuple[Digests, ...]
    atom_gram: Mapping[str, Matrix]
    cross: Mapping[str, Matrix]


def atom_job(
    tensors: Sequence[AlignedTensor],
    forms: Sequence[Form],
    encoder: Matrix,
    options: RunOptions,
    writers: tuple[CheckpointWriter, ...] = (),
) -> Job:
    """Describe the pass, for running or for planning.

    Args:
        tensors: Combinable tensors, aligned over the forms, with their output dtypes.
        forms: The T forms.
        encoder: B, ``(T, M)``.
        options: The limits.
        writers: One for each atom.

    Returns:
        The job.
    """
    centered = np.array([form.is_centered for form in forms], np.bool_)
    kernel = _AtomKernel(backend_for(options.device), centered, np.ascontiguousarray(encoder.T, np.float32))
    return Job(f"write {encoder.shape[1]} atoms of {len(forms)} task vectors", tensors, kernel, writers)


def write_atoms(
    tensors: Sequence[AlignedTensor],
    forms: Sequence[Form],
    encoder: Matrix,
    staged: StagedOutput,
    options: RunOptions,
    journal: Journal,
) -> WrittenAtoms:
    """Write every atom to its own file, ``atom_000.safetensors`` and on.

    Args:
        tensors: Combinable tensors, aligned over the forms, with their output dtypes.
        forms: The T forms.
        encoder: B, ``(T, M)``.
        staged: Where to write.
        options: The limits.
        journal: Where to note what is finished.

    Returns:
        Digests and inner products of the atoms as written.
    """
    num_atoms = encoder.shape[1]
    infos = [TensorInfo(tensor.name, _dtype(tensor), tensor.shape) for tensor in tensors]
    writers = tuple(
        CheckpointWriter(staged.directory, infos, filename=atom_filename(m), resume=staged.is_resumed)
        for m in range(num_atoms)
    )
    parts = run(atom_job(tensors, forms, encoder, options, writers), options, journal)
    for writer in writers:
        writer.close()
    digests = tuple(
        {info.name: tensor_digest(info, parts[info.name]["digest"][:, m]) for info in infos} for m in range(num_atoms)
    )
    products = {name: _sum_in_order(part["products"]) for name, part in parts.items()}
    atom_gram = {name: product[:, :num_atoms] for name, product in products.items()}
    return WrittenAtoms(digests, atom_gram, {name: product[:, num_atoms:] for name, product in products.items()})


def atom_filename(index: int) -> str:
    """Return the file name of an atom."""
    return f"atom_{index:03d}.safetensors"


def _dtype(tensor: AlignedTensor) -> DType:
    return tensor.output_dtype or tensor.located[0].info.dtype


def _sum_in_order(parts: Matrix) -> Matrix:
    total = np.zeros(parts.shape[1:])
    for part in parts:
        total += part
    return total


@dataclass(slots=True)
class _AtomState:
    hashers: list[Any]
    products: Matrix


class _AtomKernel(Kernel):
    def __init__(self, backend: Backend, centered: NDArray[np.bool_], encoder: NDArray[np.float32]) -> None:
        self._backend = backend
        self._centered = centered
        self._encoder = encoder

    def begin(self, tensor: AlignedTensor) -> _AtomState:
        num_atoms, num_sources = len(self._encoder), len(tensor.sources)
        return _AtomState(
            [blake3() for _ in range(num_atoms)], np.zeros((padded(num_atoms), padded(num_atoms + num_sources)))
        )

    def process(self, chunk: Chunk, state: _AtomState) -> None:
        tensor = chunk.tensor
        is_finite = self._backend.project(
            chunk.base, tensor.base_code, chunk.raw, tensor.codes, self._centered, chunk.count,
            self._encoder, dtype_code(tensor.output_dtype), chunk.outputs, state.products,
        )  # fmt: skip
        if not is_finite:
            raise NonFiniteError(
                f"tensor {tensor.name}: an atom overflows {tensor.output_dtype}, or an input holds NaN or infinity: "
                "use a wider --dtype, or check the inputs with taskvec store verify"
            )
        size = chunk.count * _dtype(tensor).itemsize
        for hasher, row in zip(state.hashers, chunk.outputs, strict=True):
            hasher.update(memoryview(row[:size]))

    def finish(self, state: _AtomState) -> NDArray[Any]:
        num_atoms, width = len(state.hashers), len(state.hashers) + self._encoder.shape[1]
        part = np.zeros(1, [("digest", np.uint8, (num_atoms, 32)), ("products", np.float64, (num_atoms, width))])
        part["digest"][0] = [list(hasher.digest()) for hasher in state.hashers]
        part["products"][0] = state.products[:num_atoms, :width]
        return part

    def fold(self, total: NDArray[Any] | None, part: NDArray[Any]) -> NDArray[Any]:
        return part if total is None else np.concatenate([total, part])

    def parameters(self) -> bytes:
        return self._centered.tobytes() + self._encoder.tobytes()

    def scratch_bytes(self, num_sources: int) -> int:
        rows = padded(len(self._encoder) + num_sources)
        return (rows + 1) * TILE * 4 + 2 * 8 * rows * padded(len(self._encoder))
