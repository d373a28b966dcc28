"""The base that an adapter names: it must be the one that it is put on, as far as anybody can tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.lora.adapter import adapter_of
from taskvec.errors import AlignmentError, CheckpointError

_SAMPLE = 1024  # elements compared of each tensor
_CACHE_FOLDER = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)")


def check_recorded_base(adapter: Checkpoint, base: Checkpoint, open_reference: Callable[[str], Checkpoint]) -> None:
    """Compare the recorded base with the given one: by hub id, or by the first elements of every shared tensor.

    A record that leads nowhere (a path of another machine, a hub id beside a local folder) says nothing and is passed
    over; names and shapes are compared in any case.

    Args:
        adapter: The adapter.
        base: The model that it is put on.
        open_reference: Opens the recorded base, where it is a path of this machine.

    Raises:
        AlignmentError: If they are two models.
    """
    recorded = adapter_of(adapter).recorded_base
    if recorded is None or recorded == base.ref:
        return
    own = hub_id_of(base)
    if own is not None and not Path(recorded).exists():
        if "/" in recorded and not recorded.startswith((".", "/", "~")) and own != recorded:
            raise AlignmentError(_describe_other(adapter, base))
        return
    other = _opened(recorded, open_reference)
    if other is not None and not _agree(other, base):
        raise AlignmentError(_describe_other(adapter, base))


def hub_id_of(checkpoint: Checkpoint) -> str | None:
    """Return ``org/name`` of a checkpoint that lies in a hub's cache; None elsewhere."""
    found = (_CACHE_FOLDER.fullmatch(part) for part in checkpoint.path.parts)
    return next((f"{match['owner']}/{match['name']}" for match in found if match), None)


def _opened(recorded: str, open_reference: Callable[[str], Checkpoint]) -> Checkpoint | None:
    try:
        return open_reference(recorded) if Path(recorded).expanduser().exists() else None
    except (CheckpointError, OSError, ValueError, RuntimeError):
        return None


def _agree(first: Checkpoint, second: Checkpoint) -> bool:
    if first.path == second.path:
        return True
    shared = [name for name in first.tensors if name in second.tensors]
    return all(first.tensors[name] == second.tensors[name] and _starts_alike(first, second, name) for name in shared)


def _starts_alike(first: Checkpoint, second: Checkpoint, name: str) -> bool:
    info = first.tensors[name]
    pieces = []
    for checkpoint in (first, second):
        piece = np.empty(min(_SAMPLE, info.num_params), info.dtype.storage)
        checkpoint.read_into(name, 0, piece)
        pieces.append(piece)
    return pieces[0].tobytes() == pieces[1].tobytes()


def _describe_other(adapter: Checkpoint, base: Checkpoint) -> str:
    return (
        f"adapter {adapter.ref} was trained on {adapter_of(adapter).recorded_base}, which is not the base {base.ref}: "
        "use it with its own base, or correct base_model_name_or_path in its adapter_config.json"
    )
