"""The pass that writes atoms: M rounded combinations of T deltas, their digests and inner products, in one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints import CheckpointWriter
from taskvec.errors import NonFiniteError
from taskvec.numerics import backend_for
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import AlignedTensor, Arrays, Chunk, ChunkKernel, Job, Journal, RunOptions, TensorSink, run
from taskvec.types import DType, TensorInfo
from taskvec.vectors.fingerprints import Digests, tensor_digest
from taskvec.vectors.forms import Form
from taskvec.vectors.hashed_products import HashedProducts, digests_of, fold_hashed
from taskvec.vectors.sinks import OnlySink

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
    encoders: Mapping[str, Matrix],
    options: RunOptions,
    writers: tuple[TensorSink, ...] = (),
) -> Job:
    """Describe the pass, for running or for planning.

    Args:
        tensors: Combinable tensors, aligned over the forms, with their output dtypes.
        forms: The T forms.
        encoders: Tensor → its group's B, ``(T, K_g)``; tensors that are not named have no atoms.
        options: The limits.
        writers: One for each atom.

    Returns:
        The job.
    """
    centered = np.array([form.is_centered for form in forms], np.bool_)
    shared = {id(encoder): np.ascontiguousarray(encoder.T, np.float32) for encoder in encoders.values()}
    kernel = AtomKernel(options.device, centered, {name: shared[id(encoder)] for name, encoder in encoders.items()})
    label = f"write {kernel.num_atoms} atoms of {len(forms)} task vectors"
    return Job(label, [tensor for tensor in tensors if tensor.name in encoders], kernel, writers)


def write_atoms(
    tensors: Sequence[AlignedTensor],
    forms: Sequence[Form],
    encoders: Mapping[str, Matrix],
    folder: Path,
    options: RunOptions,
    journal: Journal,
    *,
    resume: bool = False,
) -> WrittenAtoms:
    """Write every atom to its own file, ``atom_000.safetensors`` and on.

    Args:
        tensors: Combinable tensors, aligned over the forms, with their output dtypes.
        forms: The T forms.
        encoders: Tensor → its group's B, ``(T, K_g)``; an atom holds the tensors that have so many atoms.
        folder: Where to write.
        options: The limits.
        journal: Where to note what is finished.
        resume: Keep the files that a killed run of the same job left there.

    Returns:
        Digests and inner products of the atoms as written.
    """
    held = tensors_of_atoms(tensors, encoders)
    writers = tuple(
        CheckpointWriter(folder, infos, filename=atom_filename(m), resume=resume) for m, infos in enumerate(held)
    )
    sinks = tuple(starmap(OnlySink, zip(writers, held, strict=True)))
    parts = run(atom_job(tensors, forms, encoders, options, sinks), options, journal)
    for writer in writers:
        writer.close()
    digests = tuple(
        {info.name: tensor_digest(info, digests_of(parts[info.name], m)) for info in infos}
        for m, infos in enumerate(held)
    )
    products = {name: arrays[1] for name, arrays in parts.items()}
    counts = {name: len(product) for name, product in products.items()}
    atom_gram = {name: product[:, : counts[name]] for name, product in products.items()}
    return WrittenAtoms(digests, atom_gram, {name: product[:, counts[name] :] for name, product in products.items()})


def tensors_of_atoms(tensors: Sequence[AlignedTensor], encoders: Mapping[str, Matrix]) -> list[list[TensorInfo]]:
    """Return what the file of each atom holds: the tensors whose groups have so many atoms."""
    counts = {name: encoder.shape[1] for name, encoder in encoders.items()}
    infos = [TensorInfo(tensor.name, atom_dtype(tensor), tensor.shape) for tensor in tensors]
    return [[info for info in infos if counts.get(info.name, 0) > m] for m in range(max(counts.values(), default=0))]


def atom_filename(index: int) -> str:
    """Return the file name of an atom."""
    return f"atom_{index:03d}.safetensors"


def atom_dtype(tensor: AlignedTensor) -> DType:
    """Return the dtype in which an atom has a tensor."""
    return tensor.output_dtype or tensor.located[0].info.dtype


@dataclass(frozen=True, eq=False)
class AtomKernel(ChunkKernel):
    """Rounded combinations of T deltas to as many outputs, their digests, and their products with each other and all.

    Attributes:
        device: Where to compute.
        centered: Whether each delta is a difference from the base, ``(T,)``.
        encoders: Tensor → its group's Bᵀ, float32 ``(K_g, T)``.
    """

    calls: ClassVar[tuple[str, ...]] = ("project",)
    device: str
    centered: NDArray[np.bool_]
    encoders: Mapping[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        backend_for(self.device)  # a device that is not there is refused before anything is done

    @cached_property
    def num_atoms(self) -> int:
        """M, of the group that has most."""
        return max((len(encoder) for encoder in self.encoders.values()), default=0)

    def begin(self, tensor: AlignedTensor) -> HashedProducts:
        """Open the hashes and sums of a piece."""
        rows = len(self.encoders[tensor.name])
        return HashedProducts(rows, (padded(rows), padded(rows + len(tensor.sources))))

    def process(self, chunk: Chunk, state: HashedProducts) -> None:
        """Compute one chunk of every atom.

        Raises:
            NonFiniteError: If an atom is not finite.
        """
        tensor = chunk.tensor
        encoder = self.encoders[tensor.name]
        is_finite = backend_for(self.device).project(
            chunk.rows(self.centered), encoder, dtype_code(tensor.output_dtype), chunk.outputs, state.products
        )
        if not is_finite:
            raise NonFiniteError(
                f"tensor {tensor.name}: an atom overflows {tensor.output_dtype}, or an input holds NaN or infinity: "
                "use a wider --dtype, or check the inputs with taskvec store verify"
            )
        size = chunk.count * atom_dtype(tensor).itemsize
        state.hash(list(chunk.outputs[: len(encoder)]), [size] * len(encoder))

    def finish(self, state: HashedProducts) -> Arrays:
        """Return digests and products of a piece."""
        rows = state.num_rows
        return state.finish((rows, rows + len(self.centered)))

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Join digests, add products."""
        return fold_hashed(total, part)

    def parameters(self) -> bytes:
        """Return what is combined, and how."""
        encoders = [name.encode() + b"\0" + encoder.tobytes() for name, encoder in self.encoders.items()]
        return self.centered.tobytes() + b"".join(encoders)

    def num_outputs(self, tensor: AlignedTensor, writers: int) -> int:  # noqa: ARG002
        """Return the atoms of the tensor's group."""
        return len(self.encoders[tensor.name])

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of the kernel's tiles and of the sums."""
        rows = padded(self.num_atoms + num_sources)
        return (rows + 1) * TILE * 4 + 2 * 8 * rows * padded(self.num_atoms)
