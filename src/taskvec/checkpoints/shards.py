"""Several weight files and the index that says which tensor is in which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from taskvec.checkpoints.files import PinnedFile
from taskvec.checkpoints.local_files import files_in_use
from taskvec.checkpoints.quoting import listed, quoted
from taskvec.checkpoints.strict_json import parse_object
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo

_MAX_INDEX_BYTES = 100_000_000


def sharded_table(index: Path, read_shard: Callable[[Path], TensorTable]) -> TensorTable:
    """Read an index and the headers of its shards, and check that they agree on every tensor; else a `CheckpointError`.

    Args:
        index: The index file; shards lie beside it.
        read_shard: The format of a shard.

    Returns:
        The tensors of all shards, shards in the order of their names; the index is among the files.
    """
    pinned = files_in_use().pin(index)
    weight_map = _weight_map(pinned)
    expected = defaultdict[str, set[str]](set)
    for name, shard in weight_map.items():
        expected[shard].add(name)
    there = frozenset(pinned.files.list(index.parent))
    tables = {shard: read_shard(_shard_path(index, shard, there)) for shard in sorted(expected)}
    for shard, table in tables.items():
        _check_agreement(index, shard, table, expected[shard])
    return _merged(pinned, list(tables.values()))


def _weight_map(index: PinnedFile) -> dict[str, str]:
    if index.size > _MAX_INDEX_BYTES:
        raise CheckpointError(f"{index.path}: an index of {index.size} bytes is not believable; fetch it again")
    try:
        weight_map = parse_object(index.read(0, index.size)).get("weight_map")
    except ValueError as error:
        raise CheckpointError(f"{index.path}: is not the JSON of an index: {error}; fetch it again") from None
    if not isinstance(weight_map, dict):
        raise CheckpointError(f"{index.path}: weight_map is {quoted(weight_map)}, expected an object; fetch it again")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_plain_file_name(shard):
            raise CheckpointError(
                f"{index.path}: tensor {quoted(name)} is said to be in {quoted(shard)}, "
                "expected the name of a file beside the index; fetch it again"
            )
    return weight_map


def _is_plain_file_name(name: str) -> bool:
    return name not in {"", ".", ".."} and not any(char in name for char in "/\\") and name.isprintable()


def _shard_path(index: Path, shard: str, there: Collection[str]) -> Path:
    path = index.with_name(shard)
    if shard not in there:
        raise CheckpointError(f"{path}: is missing, but {index.name} names it; fetch it too")
    return path


def _check_agreement(index: Path, shard: str, table: TensorTable, expected: set[str]) -> None:
    absent = expected - table.tensors.keys() - table.tied.keys()
    if absent:
        raise CheckpointError(
            f"{index.with_name(shard)}: holds no tensor {listed(sorted(absent))}, "
            f"but {index.name} places it there; fetch both again"
        )
    unnamed = [name for name in table.tensors if name not in expected]
    if unnamed:
        raise CheckpointError(
            f"{index.with_name(shard)}: holds tensor {listed(unnamed)}, "
            f"which {index.name} does not place there; fetch both again"
        )


def _merged(index: PinnedFile, tables: list[TensorTable]) -> TensorTable:
    tensors: dict[str, TensorInfo] = {}
    sources: dict[str, TensorSource] = {}
    tied: dict[str, str] = {}
    for table in tables:
        tensors.update(table.tensors)
        sources.update(table.sources)
        tied.update(table.tied)
    metadata: Mapping[str, str] = tables[0].metadata if tables else {}
    files = (index, *(file for table in tables for file in table.files))
    return TensorTable(tensors, sources, files, {k: v for k, v in tied.items() if k not in tensors}, metadata)
