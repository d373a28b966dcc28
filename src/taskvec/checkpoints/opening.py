"""From a reference to an open checkpoint: which format is this?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from taskvec.checkpoints.adapter_references import split_adapters
from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.hub import HubId, fetched
from taskvec.checkpoints.huggingface_folder import folder_table, sidecars_of
from taskvec.checkpoints.lora import (
    Adapted,
    Adapter,
    adapted,
    check_recorded_base,
    is_adapter_folder,
    open_adapter_folder,
    opened_table,
)
from taskvec.checkpoints.pipeline_folder import is_pipeline_folder, open_pipeline
from taskvec.checkpoints.quantized import GGUF, check_not_quantized
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.checkpoints.table import TensorTable
from taskvec.checkpoints.torch_file import torch_table
from taskvec.errors import CheckpointError

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
            expanded. A LoRA adapter, as a folder or a file, is opened as its factors; ``REF+LORA`` is a model with an
            adapter on it. What is no path and looks like ``org/name[@revision]`` is fetched from the hub, or found in
            its cache.

    Returns:
        The checkpoint; close it, or use it as a context manager.

    Raises:
        CheckpointError: If there is no such path, or its headers cannot be believed.
    """
    text = os.fspath(ref)
    model, adapters = split_adapters(text)
    opened = _open(model)
    for number, adapter in enumerate(adapters, 1):
        opened = _with_adapter(opened, _open(adapter), "+".join([model, *adapters[:number]]))
    return opened


def _open(text: str) -> Checkpoint:
    path = _existing_path(text)
    try:
        if not path.is_dir():
            table = _file_table(path)
            check_not_quantized(path, table.tensors)
            return opened_table(text, path, table)
        if is_pipeline_folder(path):
            return open_pipeline(text, path)
        if is_adapter_folder(path):
            return open_adapter_folder(text, path)
        return _open_folder(text, path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error


def _open_folder(text: str, path: Path) -> Checkpoint:
    table = folder_table(path)
    check_not_quantized(path, table.tensors)
    opened = opened_table(text, path, table)
    is_adapter = isinstance(opened.kind, Adapter)
    return opened if is_adapter else Checkpoint(text, path, table, sidecars=sidecars_of(path))


def _with_adapter(model: Checkpoint, adapter: Checkpoint, ref: str) -> Checkpoint:
    """Put an adapter on a model.

    Raises:
        CheckpointError: If the one is no adapter, or the other is one.
    """
    if not isinstance(adapter.kind, Adapter):
        raise CheckpointError(f"{adapter.ref}: holds no LoRA adapter, and only an adapter can follow a +")
    if isinstance(model.kind, Adapter):
        raise CheckpointError(f"{model.ref}: is an adapter itself; write the model first, as in MODEL+ADAPTER")
    bare = model
    while isinstance(bare.kind, Adapted):
        bare = bare.kind.base
    check_recorded_base(adapter, bare, open_checkpoint)
    return adapted(ref, model, adapter)


def _existing_path(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()  # resolve() would lose the file names of a hub's cache
        exists = path.exists()
    except (ValueError, RuntimeError, OSError) as error:
        raise CheckpointError(f"{quoted(text)}: is no path: {error}") from None
    if exists:
        return path
    hub_id = HubId.parse(text)
    if hub_id is None:
        raise CheckpointError(f"{text}: no such file or folder")
    return fetched(hub_id)


def _file_table(path: Path) -> TensorTable:
    if path.suffix.lower() == ".gguf":
        raise CheckpointError(f"{path}: {GGUF}")
    read = _FILE_FORMATS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(_FILE_FORMATS)
        raise CheckpointError(f"{path}: files of this kind are not supported; name a folder or one of {known}")
    return read(path)
