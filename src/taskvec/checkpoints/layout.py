"""Where every byte of an output will lie, known before the first is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.safetensors_header import LENGTH_BYTES, MAX_HEADER_BYTES, METADATA_NAME
from taskvec.errors import OutputError
from taskvec.types import TensorInfo

_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """One output file.

    Attributes:
        filename: The name within the output folder.
        head: The length and the header: the file's first bytes.
        tensors: The tensors in the order of their bytes.
        num_bytes: The size of the file.
    """

    filename: str
    head: bytes
    tensors: tuple[TensorInfo, ...]
    num_bytes: int

    def places(self) -> Iterator[tuple[TensorInfo, int]]:
        """Yield every tensor with the position of its first byte in the file."""
        position = len(self.head)
        for info in self.tensors:
            yield info, position
            position += info.nbytes


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """All files of an output.

    Attributes:
        shards: The weight files.
        index_name: The name of the index, or ``None`` for a single weight file.
        index: The contents of the index, or nothing.
    """

    shards: tuple[ShardLayout, ...]
    index_name: str | None
    index: bytes

    @property
    def num_bytes(self) -> int:
        """Bytes of all files."""
        return len(self.index) + sum(shard.num_bytes for shard in self.shards)


def plan_layout(
    tensors: Sequence[TensorInfo], *, shard_size: int | None, metadata: Mapping[str, str] | None, filename: str
) -> FolderLayout:
    """Distribute tensors over files of at most ``shard_size`` bytes of data; a larger tensor gets a file of its own.

    Args:
        tensors: What to write. Shards are filled in this order; within a file wider elements come first, so that
            every tensor is aligned.
        shard_size: Bytes of data per file, or ``None`` for one file.
        metadata: Free text for every header; ``format`` is always ``pt``.
        filename: The name of a single file; shards are named after its stem.

    Returns:
        The files with their headers.

    Raises:
        OutputError: If names repeat or are reserved, or the shard size is not positive.
    """
    _check_names(tensors)
    if shard_size is not None and shard_size <= 0:
        raise OutputError(f"a shard of {shard_size} bytes holds nothing; give a positive shard size")
    groups = _groups(tensors, shard_size)
    stem = Path(filename).stem
    if len(groups) == 1:
        names = [filename]
    else:
        names = [f"{stem}-{number:05d}-of-{len(groups):05d}.safetensors" for number in range(1, len(groups) + 1)]
    free_text = {**(metadata or {}), "format": "pt"}
    shards = tuple(_shard(name, group, free_text) for name, group in zip(names, groups, strict=True))
    if len(shards) == 1:
        return FolderLayout(shards, None, b"")
    return FolderLayout(shards, f"{stem}.safetensors.index.json", _index(shards))


def _check_names(tensors: Sequence[TensorInfo]) -> None:
    seen: set[str] = set()
    for info in tensors:
        if info.name in seen:
            raise OutputError(f"tensor {quoted(info.name)} would be written twice; give each name once")
        if info.name == METADATA_NAME:
            raise OutputError(f"tensor {quoted(info.name)} has a name that safetensors reserves; rename it")
        seen.add(info.name)


def _groups(tensors: Sequence[TensorInfo], shard_size: int | None) -> list[list[TensorInfo]]:
    groups: list[list[TensorInfo]] = [[]]
    filled = 0
    for info in tensors:
        if shard_size is not None and groups[-1] and filled + info.nbytes > shard_size:
            groups.append([])
            filled = 0
        groups[-1].append(info)
        filled += info.nbytes
    return groups


def _shard(filename: str, group: Sequence[TensorInfo], metadata: Mapping[str, str]) -> ShardLayout:
    ordered = tuple(sorted(group, key=lambda info: -info.dtype.itemsize))
    members: dict[str, object] = {METADATA_NAME: dict(metadata)}
    cursor = 0
    for info in ordered:
        end = cursor + info.nbytes
        members[info.name] = {"dtype": info.dtype.value, "shape": list(info.shape), "data_offsets": [cursor, end]}
        cursor = end
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > MAX_HEADER_BYTES:
        raise OutputError(
            f"{filename}: its header would take {len(text)} bytes, {MAX_HEADER_BYTES} are allowed; ask for shards"
        )
    head = len(text).to_bytes(LENGTH_BYTES, "little") + text
    return ShardLayout(filename, head, ordered, len(head) + cursor)


def _index(shards: Sequence[ShardLayout]) -> bytes:
    weight_map = {info.name: shard.filename for shard in shards for info in shard.tensors}
    total = sum(info.nbytes for shard in shards for info in shard.tensors)
    return json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2).encode() + b"\n"
