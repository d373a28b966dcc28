"""Content fingerprints and inner products, taken in one pass.

The digest of a tensor is blake3 over its dtype, its shape and the blake3 digests of its blocks of ``BLOCK`` elements;
the fingerprint of a checkpoint is blake3 over its sorted names and digests. Files, shards and order do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.numerics import backend_for
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import AlignedTensor, Arrays, Chunk, ChunkKernel, Job, Journal, Located, RunOptions, run
from taskvec.types import TensorInfo
from taskvec.vectors.hashed_products import HashedProducts, digests_of, fold_hashed
from taskvec.vectors.inner_products import check_finite, symmetric

Digests = Mapping[str, str]
"""Tensor name → hexadecimal digest."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over S aligned checkpoints learned.

    Attributes:
        digests: For each checkpoint, the digest of every tensor.
        gram: For each combinable tensor, the inner products of the deltas, float64 ``(S, S)``.
    """

    digests: tuple[Digests, ...]
    gram: Mapping[str, NDArray[np.float64]]


def scan(job: Job, options: RunOptions, journal: Journal | None = None) -> Scan:
    """Hash S checkpoints and take the inner products of their deltas, reading each once.

    Args:
        job: From :func:`scan_job`.
        options: The limits.
        journal: Where to note what is finished.

    Returns:
        Digests and inner products.

    Raises:
        NonFiniteError: If a source holds NaN or infinity.
    """
    result = _scan(job, options, journal)
    for tensor in job.tensors:
        if tensor.is_combinable:
            check_finite(tensor, result.gram[tensor.name])
    return result


def _scan(job: Job, options: RunOptions, journal: Journal | None = None) -> Scan:
    parts = run(job, options, journal)
    digests: list[dict[str, str]] = [{} for _ in range(job.num_sources)]
    gram: dict[str, NDArray[np.float64]] = {}
    for tensor in job.tensors:
        arrays = parts[tensor.name]
        for s, located in enumerate(tensor.sources):
            digests[s][located.info.name] = tensor_digest(located.info, digests_of(arrays, s))
        if tensor.is_combinable:
            gram[tensor.name] = symmetric(arrays[1])
    return Scan(tuple(digests), gram)


def scan_job(label: str, tensors: Sequence[AlignedTensor], centered: Sequence[bool], options: RunOptions) -> Job:
    """Describe the pass of :func:`scan`, for running or for planning.

    Args:
        label: What the pass is for.
        tensors: Aligned tensors, with the base where deltas are differences.
        centered: For each source, whether its delta is its difference from the base.
        options: The limits.

    Returns:
        The job.
    """
    return Job(label, tensors, ScanKernel(options.device, np.array(centered, np.bool_)))


def digest_checkpoint(checkpoint: Checkpoint, options: RunOptions, names: Collection[str] | None = None) -> Digests:
    """Hash every tensor of one checkpoint, and its settings; values that are not finite have a digest like any other.

    Args:
        checkpoint: What to hash.
        options: The limits.
        names: Only these tensors.

    Returns:
        The digest of every tensor.
    """
    digests = _scan(digest_job(checkpoint, options, names), options).digests[0]
    return digests if names is not None else {**digests, **settings_digests(checkpoint)}


def settings_digests(checkpoint: Checkpoint) -> Digests:
    """Hash what beside the tensors decides what they mean; nothing for most checkpoints."""
    return {f"settings/{key}": blake3(text.encode()).hexdigest() for key, text in checkpoint.settings.items()}


def digest_job(checkpoint: Checkpoint, options: RunOptions, names: Collection[str] | None = None) -> Job:
    """Describe the pass that hashes one checkpoint, or some tensors of it, for running or for planning."""
    infos = [info for info in checkpoint.tensors.values() if names is None or info.name in names]
    tensors = [AlignedTensor(info.name, info.shape, None, (Located(checkpoint, info),)) for info in infos]
    return scan_job(f"hash {checkpoint.ref}", tensors, [False], options)


def fingerprint(digests: Digests) -> str:
    """Return the fingerprint of a checkpoint from the digests of its tensors."""
    whole = blake3()
    for name in sorted(digests):
        encoded = name.encode()
        whole.update(len(encoded).to_bytes(8, "little") + encoded + bytes.fromhex(digests[name]))
    return whole.hexdigest()


def tensor_digest(info: TensorInfo, blocks: NDArray[np.uint8]) -> str:
    """Return the digest of a tensor from the digests of its blocks, uint8 ``(blocks, 32)``."""
    return blake3(f"{info.dtype}{list(info.shape)}".encode() + blocks.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class ScanKernel(ChunkKernel):
    """Digests of S sources, and the inner products of their deltas where arithmetic applies.

    Attributes:
        device: Where to compute.
        centered: Whether each delta is a difference from the base, ``(S,)``.
    """

    calls: ClassVar[tuple[str, ...]] = ("gram",)
    device: str
    centered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        backend_for(self.device)  # a device that is not there is refused before anything is done

    def begin(self, tensor: AlignedTensor) -> HashedProducts:
        """Open the hashes and sums of a piece."""
        side = padded(len(tensor.sources))
        return HashedProducts(len(tensor.sources), (side, side))

    def process(self, chunk: Chunk, state: HashedProducts) -> None:
        """Hash one chunk and add its products."""
        tensor = chunk.tensor
        state.hash(list(chunk.raw), [chunk.count * located.info.dtype.itemsize for located in tensor.sources])
        if tensor.is_combinable:
            backend_for(self.device).gram(chunk.rows(self.centered), len(tensor.sources), state.products)

    def finish(self, state: HashedProducts) -> Arrays:
        """Return digests and products of a piece."""
        count = len(self.centered)
        return state.finish((count, count))

    def fold(self, tensor: AlignedTensor, total: Arrays, part: Arrays) -> Arrays:  # noqa: ARG002
        """Join digests, add products."""
        return fold_hashed(total, part)

    def parameters(self) -> bytes:
        """Return what is a difference."""
        return self.centered.tobytes()

    def scratch_bytes(self, num_sources: int) -> int:
        """Return the bytes of the kernel's tiles and of the sums."""
        return (padded(num_sources) + 1) * TILE * 4 + 2 * 8 * padded(num_sources) ** 2
