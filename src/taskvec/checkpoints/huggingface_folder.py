"""A folder as model hubs lay it out: weights, perhaps in shards, and the small files that go with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from taskvec.checkpoints.local_files import files_in_use
from taskvec.checkpoints.quantized import GGUF
from taskvec.checkpoints.quoting import listed
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.checkpoints.shards import sharded_table
from taskvec.checkpoints.table import TensorTable
from taskvec.checkpoints.torch_file import torch_table
from taskvec.errors import CheckpointError

TIED_HEAD = "lm_head.weight"
"""The name that ``tie_word_embeddings`` ties to the embeddings: loaders then take no weights of its own."""

TIES = "tie_word_embeddings"
"""The key of ``config.json`` that says so."""

_COMPARED_BYTES = 1 << 20
_EMBEDDINGS = ("model.embed_tokens.weight", "transformer.wte.weight")
_WEIGHTS = re.compile(
    r".*\.(safetensors|bin|pt|pth|ckpt|gguf|h5|msgpack|ot|onnx|onnx_data)(\.index\.json)?", re.IGNORECASE
)
_VARIANT = re.compile(r"\.(fp16|bf16|fp32|non_ema)\b")
_LEFT_BEHIND = re.compile(r"\..*|README\.md|recipe\.yaml|mergekit_config\.yml", re.IGNORECASE)


def folder_table(folder: Path) -> TensorTable:
    """Find the weights of a folder and read their headers.

    ``model.safetensors`` is preferred to an index of shards, and safetensors to ``pytorch_model.bin``.

    Args:
        folder: The absolute path.

    Returns:
        The tensors; ``lm_head.weight`` is tied to the embeddings where ``config.json`` says so and it has no other
        values, for which it is read where it is there.
    """
    table = _weights(folder)
    tied = _tied_by_config(folder, table)
    return replace(
        table,
        tensors={name: info for name, info in table.tensors.items() if name not in tied},
        sources={name: source for name, source in table.sources.items() if name not in tied},
        tied={**tied, **table.tied},
    )


def sidecars_of(folder: Path) -> tuple[Path, ...]:
    """List the files that belong to the model but are no weights: configuration, tokenizer, licence.

    Hidden files, subfolders, weights of any format (a training run keeps its state in such files too), and what says
    how the model was made (its card and recipe, which are written anew) are left out.

    Args:
        folder: The absolute path.

    Returns:
        Paths relative to the folder, sorted.
    """
    names = (entry.name for entry in folder.iterdir() if entry.is_file())
    return tuple(Path(name) for name in sorted(names) if not (_WEIGHTS.fullmatch(name) or _LEFT_BEHIND.fullmatch(name)))


def weights_filename(files: Iterable[Path]) -> str:
    """Return how the library that made some weight files looks for a model: diffusers has a name of its own."""
    is_diffusers = any(path.name.startswith("diffusion_pytorch_model") for path in files)
    return "diffusion_pytorch_model.safetensors" if is_diffusers else "model.safetensors"


def _weights(folder: Path) -> TensorTable:
    there = files_in_use().list(folder)
    if "model.safetensors" in there:
        return safetensors_table(folder / "model.safetensors")
    formats: tuple[tuple[str, Callable[[Path], TensorTable]], ...] = (
        ("*.safetensors.index.json", lambda index: sharded_table(index, safetensors_table)),
        ("*.safetensors", safetensors_table),
        ("pytorch_model.bin", torch_table),
        ("pytorch_model.bin.index.json", lambda index: sharded_table(index, torch_table)),
    )
    for pattern, read in formats:
        found = [folder / name for name in there if fnmatchcase(name, pattern) and not name.startswith(".")]
        if len(found) > 1:  # the same model in another dtype lies beside it, and is not meant
            found = [path for path in found if not _VARIANT.search(path.name)] or found
        if len(found) > 1:
            raise CheckpointError(
                f"{folder}: holds {listed(path.name for path in found)} and nothing says which is the model; "
                "name one of the files"
            )
        if found:
            return read(found[0])
    if any(name.endswith(".gguf") for name in there):
        raise CheckpointError(f"{folder}: {GGUF}")
    raise CheckpointError(
        f"{folder}: holds no model.safetensors, no index of shards and no pytorch_model.bin; name a weight file"
    )


def _tied_by_config(folder: Path, table: TensorTable) -> Mapping[str, str]:
    if not (folder / "config.json").is_file() or _config(folder / "config.json").get(TIES) is not True:
        return {}
    embeddings = next((name for name in _EMBEDDINGS if name in table.tensors), None)
    if embeddings is None or (TIED_HEAD in table.tensors and not _is_twice(table, TIED_HEAD, embeddings)):
        return {}
    return {TIED_HEAD: embeddings}


def _is_twice(table: TensorTable, first: str, second: str) -> bool:
    """Say whether two tensors hold the same bytes; this reads them as far as they do."""
    info, other = table.tensors[first], table.tensors[second]
    if (info.dtype, info.shape) != (other.dtype, other.shape):
        return False
    for start in range(0, info.nbytes, _COMPARED_BYTES):
        size = min(_COMPARED_BYTES, info.nbytes - start)
        pieces = bytearray(size), bytearray(size)
        table.sources[first].read_into(start, memoryview(pieces[0]))
        table.sources[second].read_into(start, memoryview(pieces[1]))
        if pieces[0] != pieces[1]:
            return False
    return True


def _config(path: Path) -> Mapping[str, object]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise CheckpointError(f"{path}: is not JSON: {error}; mend it or take it away") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: is not a JSON object; mend it or take it away")
    return config
