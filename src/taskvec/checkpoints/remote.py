"""A repository on a hub, looked at by its headers: names, shapes and dtypes without a weight."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.hub import HubId, hub_metadata, is_offline
from taskvec.checkpoints.opening import open_checkpoint
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.table import TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import DType, TensorInfo


def open_header(ref: str | os.PathLike[str]) -> Checkpoint:
    """Open a checkpoint for its names, shapes and dtypes alone: a hub reference costs a few range requests.

    Args:
        ref: What `open_checkpoint` takes.

    Returns:
        The checkpoint; of a hub's repository, the headers alone.
    """
    text = os.fspath(ref)
    hub_id = None if Path(text).expanduser().exists() else HubId.parse(text)
    if hub_id is None or _is_offline():
        return open_checkpoint(ref)
    metadata = hub_metadata(hub_id)
    infos = [
        _info(hub_id, name, told) for file in metadata.files_metadata.values() for name, told in file.tensors.items()
    ]
    table = TensorTable({info.name: info for info in infos}, {}, (), metadata=dict(metadata.metadata or {}))
    return Checkpoint(text, Path(text), table)  # there is nothing to read elements from


def _info(hub_id: HubId, name: str, told: Any) -> TensorInfo:
    if told.dtype not in set(DType):
        raise CheckpointError(f"{hub_id}: tensor {quoted(name)} has dtype {quoted(told.dtype)}, which is not supported")
    return TensorInfo(name, DType(told.dtype), tuple(told.shape))


def _is_offline() -> bool:
    try:
        return is_offline()
    except ImportError:
        return True
