"""Adapters opened: a PEFT folder with its configuration, or one file that says all in its names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.local_files import files_in_use
from taskvec.checkpoints.lora.adapter import Adapter, LoraPair, adapter_checkpoint
from taskvec.checkpoints.lora.pair_names import AdapterNames, NamedPair, is_adapter, sort_names
from taskvec.checkpoints.lora.peft_config import PeftConfig
from taskvec.checkpoints.products import Stored
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.checkpoints.strict_json import parse_object
from taskvec.checkpoints.table import TensorTable
from taskvec.checkpoints.torch_file import torch_table
from taskvec.errors import CheckpointError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_OLD_WEIGHTS = "adapter_model.bin"
_DIFFUSERS_METADATA = "lora_adapter_metadata"


def is_adapter_folder(folder: Path) -> bool:
    """Say whether a folder holds a PEFT adapter and no whole model beside it."""
    if not (folder / CONFIG).is_file():
        return False
    return not any((folder / name).exists() for name in ("model.safetensors", "pytorch_model.bin")) and not any(
        folder.glob("*.index.json")
    )


def open_adapter_folder(ref: str, folder: Path) -> Checkpoint:
    """Open an adapter as PEFT saves it.

    Args:
        ref: The reference as the user typed it.
        folder: The absolute path.

    Returns:
        The adapter.

    Raises:
        CheckpointError: If a file is missing, or they disagree.
    """
    path = folder / CONFIG
    pinned = files_in_use().pin(path)
    try:
        config = PeftConfig.parse(parse_object(pinned.read(0, pinned.size)))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if (folder / WEIGHTS).exists():
        table = safetensors_table(folder / WEIGHTS)
    elif (folder / _OLD_WEIGHTS).exists():
        table = torch_table(folder / _OLD_WEIGHTS)
    else:
        raise CheckpointError(f"{folder}: holds {CONFIG} and neither {WEIGHTS} nor {_OLD_WEIGHTS}; fetch it too")
    return _opened(ref, folder, replace(table, files=(*table.files, pinned)), config)


def opened_table(ref: str, path: Path, table: TensorTable) -> Checkpoint:
    """Take a single file as what its names say it is: an adapter, or an ordinary checkpoint.

    Args:
        ref: The reference as the user typed it.
        path: The absolute path.
        table: The contents of the file.

    Returns:
        The checkpoint.
    """
    if not is_adapter(table.tensors):
        return Checkpoint(ref, path, table)
    beside = path.with_name(CONFIG)
    if path.name in {WEIGHTS, _OLD_WEIGHTS} and beside.is_file():
        return open_adapter_folder(ref, path.parent)
    return _opened(ref, path, table, None)


def _opened(ref: str, path: Path, table: TensorTable, config: PeftConfig | None) -> Checkpoint:
    """Make of a table what its names say.

    Raises:
        CheckpointError: If they say nothing that can be believed.
    """
    try:
        with Checkpoint(ref, path, table) as raw:
            adapter = _understood(raw, config)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return adapter_checkpoint(ref, path, table, adapter)


def _understood(raw: Checkpoint, config: PeftConfig | None) -> Adapter:
    names = sort_names(raw.tensors)
    pairs = tuple(_pair(raw, named, config) for named in names.pairs)
    replaced = _replaced(names, config)
    return Adapter(pairs, replaced, config.fan_in_fan_out, config.base) if config else Adapter(pairs, replaced)


def _pair(raw: Checkpoint, named: NamedPair, config: PeftConfig | None) -> LoraPair:
    """Check a pair against itself and the configuration.

    Raises:
        ValueError: If ranks disagree, or the dtype is none that arithmetic applies to.
    """
    down, up = raw.tensors[named.down], raw.tensors[named.up]
    if len(down.shape) < 2 or len(up.shape) != len(down.shape) or not down.num_params or not up.num_params:
        raise ValueError(f"{quoted(named.module)}: factors {down} and {up} are no matrices of one rank")
    rank = down.shape[0]
    if up.shape[1] != rank or any(size != 1 for size in up.shape[2:]):
        raise ValueError(f"{quoted(named.module)}: factors {down} and {up} do not have one rank; save it again")
    for info in (down, up):
        if not info.dtype.is_combinable:
            raise ValueError(f"tensor {info} cannot be multiplied: convert the adapter to bf16, f16 or f32")
    if config is not None and config.rank_of(named.module) != rank:
        raise ValueError(
            f"{quoted(named.module)} has rank {rank} in tensor {down} and {config.rank_of(named.module)} in {CONFIG}: "
            "mend r or rank_pattern there"
        )
    scale = config.scale_of(named.module) if config else _scale(raw, named, rank)
    return LoraPair(named.module, named.down, named.up, scale, named.is_embedding)


def _scale(raw: Checkpoint, named: NamedPair, rank: int) -> float:
    """Return α / r: α from the tensor beside the factors, from the header's metadata, or r itself.

    Raises:
        ValueError: If α is not one number.
    """
    if named.alpha is not None:
        info = raw.tensors[named.alpha]
        if info.num_params != 1:
            raise ValueError(f"tensor {info} holds {info.num_params} numbers, expected one α")
        if not info.dtype.is_combinable:
            return float(raw.read(named.alpha).reshape(-1)[0]) / rank
        return float(Stored(raw, named.alpha).widened(0, 1)[0]) / rank
    return _scale_in_metadata(raw.metadata, named.module, rank)


def _scale_in_metadata(metadata: Mapping[str, str], module: str, rank: int) -> float:
    """Return α / r as diffusers notes it; 1 where it notes nothing, as diffusers has it.

    Raises:
        ValueError: If the note is malformed, or says another rank.
    """
    try:
        members = json.loads(metadata.get(_DIFFUSERS_METADATA, "{}"))
    except ValueError:
        raise ValueError(f"its metadata {_DIFFUSERS_METADATA} is no JSON; save it again") from None
    component, _, inner = module.partition(".")
    own = {key.removeprefix(f"{component}."): value for key, value in members.items() if key.startswith(component)}
    if "lora_alpha" not in own:
        return 1.0
    config = PeftConfig.parse(own)
    if config.rank_of(inner) != rank:
        raise ValueError(f"{quoted(module)} has rank {rank}, and its metadata says {config.rank_of(inner)}")
    return config.scale_of(inner)


def _replaced(names: AdapterNames, config: PeftConfig | None) -> dict[str, str]:
    """Find tensors that take the place of the base's: ``modules_to_save``, trained biases, resized embeddings.

    Raises:
        ValueError: If a tensor of a single file belongs to no pair: nobody says what it means.
    """
    if config is None and names.others:
        raise ValueError(f"tensor {quoted(names.others[0])} belongs to no pair of factors; nothing says what it means")
    return {_target(name): name for name in names.others}


def _target(name: str) -> str:
    plain = name.removeprefix("base_model.model.")
    for wrapper in (".base_layer.", ".modules_to_save.default.", ".modules_to_save.", ".original_module."):
        plain = plain.replace(wrapper, ".")
    return plain
