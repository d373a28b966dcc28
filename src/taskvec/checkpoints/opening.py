"""From a reference to an open checkpoint: which format is this?"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.huggingface_folder import folder_table, sidecars_of
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.checkpoints.table import TensorTable
from taskvec.checkpoints.torch_file import torch_table
from taskvec.errors import CheckpointError

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_FILE_FORMATS: Mapping[str, Callable[[Path], TensorTable]] = {
    ".safetensors": safetensors_table,
    ".bin": torch_table,
    ".pt": torch_table,
    ".pth": torch_table,
}


def open_checkpoint(ref: str | os.PathLike[str]) -> Checkpoint:
    """Open a checkpoint by its headers; no weight is read.

    Args:
        ref: A folder as model hubs lay it out, or a ``.safetensors``, ``.bin``, ``.pt`` or ``.pth`` file; ``~`` is
            expanded.

    Returns:
        The checkpoint; close it, or use it as a context manager.

    Raises:
        CheckpointError: If there is no such path, or its headers cannot be believed.
    """
    text = os.fspath(ref)
    path = _existing_path(text)
    try:
        if path.is_dir():
            return Checkpoint(text, path, folder_table(path), sidecars=sidecars_of(path))
        return Checkpoint(text, path, _file_table(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error


def _existing_path(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()  # resolve() would lose the file names of a hub's cache
        exists = path.exists()
    except (ValueError, RuntimeError, OSError) as error:
        raise CheckpointError(f"{quoted(text)}: is no path: {error}") from None
    if not exists:
        raise CheckpointError(f"{text}: no such file or folder{_hub_hint(text)}")
    return path


def _file_table(path: Path) -> TensorTable:
    read = _FILE_FORMATS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(_FILE_FORMATS)
        raise CheckpointError(f"{path}: files of this kind are not supported; name a folder or one of {known}")
    return read(path)


def _hub_hint(text: str) -> str:
    if not _HUB_ID.fullmatch(text):
        return ""
    return (
        "; if it is a hub id, download the model first and name its folder (hub references come with a later version)"
    )
