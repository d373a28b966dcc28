"""Content fingerprints and inner products, taken in one pass.

The digest of a tensor is blake3 over its dtype, its shape and the blake3 digests of its blocks of ``BLOCK`` elements;
the fingerprint of a checkpoint is blake3 over its sorted names and digests. Files, shards and order do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from taskvec.checkpoints import Checkpoint
from taskvec.numerics import backend_for
from taskvec.numerics.kernels import TILE, padded
from taskvec.streaming import (
    AlignedTensor,
    Arrays,
    Chunk,
    ChunkKernel,
    Foreseen,
    Job,
    Located,
    NotesOf,
    Pass,
    RunOptions,
    Steps,
    no_notes,
    plan_pass,
    run,
)
from taskvec.types import TensorInfo
from taskvec.vectors.hashed_products import HashedProducts, digests_of, fold_hashed
from taskvec.vectors.inner_products import check_finite, symmetric

Digests = Mapping[str, str]
"""Tensor name → hexadecimal digest."""

UNKNOWN = ""
"""The digest of what nobody has read yet."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over S aligned checkpoints learned.

    Attributes:
        digests: For each checkpoint, the digest of every tensor.
        gram: For each combinable tensor, the inner products of the deltas, float64 ``(S, S)``.
    """

    digests: tuple[Digests, ...]
    gram: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Scanning(Pass[Scan]):
    """Hashing S checkpoints and taking the inner products of their deltas, reading each once.

    Attributes:
        label: What the pass is for.
        tensors: Aligned tensors, with the base where deltas are differences.
        centered: For each source, whether its delta is its difference from the base.
        notes: Where the pass notes what it has finished.
        is_of_any: Whether values need not be finite; their digests are like any other.
    """

    label: str
    tensors: Sequence[AlignedTensor]
    centered: Sequence[bool]
    notes: NotesOf = no_notes
    is_of_any: bool = False

    def job(self, options: RunOptions) -> Job:
        """Describe the pass, for running or for planning."""
        kernel = ScanKernel(options.device, np.array(self.centered, np.bool_))
        return Job(self.label, self.tensors, kernel)

    def foresee(self, options: RunOptions) -> Foreseen[Scan]:
        """Return what it costs."""
        job = self.job(options)
        unknown = np.full((len(self.centered), len(self.centered)), np.nan)
        scanned = [{tensor.sources[s].info.name: UNKNOWN for tensor in self.tensors} for s in range(job.num_sources)]
        gram = {tensor.name: unknown for tensor in self.tensors if tensor.is_combinable}
        return Foreseen(Scan(tuple(scanned), gram), (plan_pass(job.label, job.tensors, job.kernel, options),))

    def run(self, options: RunOptions) -> Scan:
        """Read everything once.

        Raises:
            NonFiniteError: If a source holds NaN or infinity, and may not.
        """
        job = self.job(options)
        with self.notes(job) as journal:
            parts = run(job, options, journal)
        digests: list[dict[str, str]] = [{} for _ in range(job.num_sources)]
        gram: dict[str, NDArray[np.float64]] = {}
        for tensor in job.tensors:
            arrays = parts[tensor.name]
            for s, located in enumerate(tensor.sources):
                digests[s][located.info.name] = tensor_digest(located.info, digests_of(arrays, s))
            if tensor.is_combinable:
                gram[tensor.name] = symmetric(arrays[1])
                if not self.is_of_any:
                    check_finite(tensor, gram[tensor.name])
        return Scan(tuple(digests), gram)


def hashing(checkpoint: Checkpoint, names: Collection[str] | None = None, label: str | None = None) -> Steps[Digests]:
    """Hash every tensor of one checkpoint, and its settings; values need not be finite.

    Args:
        checkpoint: What to hash.
        names: Only these tensors.
        label: What the pass does; by default named after the checkpoint.

    Returns:
        The digest of every tensor.
    """
    scanning = scanning_of(checkpoint, names)
    scan = yield from replace(scanning, label=label or scanning.label, is_of_any=True)
    digests = next(iter(scan.digests), {})
    return digests if names is not None else {**digests, **settings_digests(checkpoint)}


def scanning_of(checkpoint: Checkpoint, names: Collection[str] | None = None, notes: NotesOf = no_notes) -> Scanning:
    """Describe the pass that hashes one checkpoint alone.

    Args:
        checkpoint: What to hash.
        names: Only these tensors.
        notes: Where the pass notes what it has finished.

    Returns:
        The pass.
    """
    infos = [info for info in checkpoint.tensors.values() if names is None or info.name in names]
    tensors = [AlignedTensor(info.name, info.shape, None, (Located(checkpoint, info),)) for info in infos]
    return Scanning(f"hash {checkpoint.ref}", tensors, [False], notes)


def settings_digests(checkpoint: Checkpoint) -> Digests:
    """Hash what beside the tensors decides what they mean; nothing for most checkpoints."""
    return {f"settings/{key}": blake3(text.encode()).hexdigest() for key, text in checkpoint.settings.items()}


def differs(digest: str | None, other: str | None) -> bool:
    """Say whether two digests are of different content; that of what nobody has read yet differs from none."""
    return digest not in {other, UNKNOWN}


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
