"""Tiny checkpoints from dictionaries of arrays, for tests and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import starmap
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.layout import plan_layout
from taskvec.types import DType, TensorInfo

Array = NDArray[Any]

LOGICAL: Mapping[DType, np.dtype[Any]] = {
    **{dtype: dtype.storage for dtype in DType},
    DType.BF16: np.dtype(ml_dtypes.bfloat16),
    DType.F8_E4M3: np.dtype(ml_dtypes.float8_e4m3fn),
    DType.F8_E5M2: np.dtype(ml_dtypes.float8_e5m2),
    DType.BOOL: np.dtype(np.bool_),
}
"""The numpy dtype in which a test writes values down."""


def tensor_info(name: str, array: Array) -> TensorInfo:
    """Describe an array as a tensor.

    Raises:
        ValueError: If no checkpoint dtype corresponds to the array's.
    """
    for dtype, logical in LOGICAL.items():
        if array.dtype == logical:
            return TensorInfo(name, dtype, array.shape)
    raise ValueError(f"tensor {name!r}: no checkpoint dtype for {array.dtype}")


def raw_bits(array: Array) -> Array:
    """Reinterpret an array's values as the raw bits that a checkpoint stores, in the same shape."""
    storage = tensor_info("", array).dtype.storage
    return np.ascontiguousarray(array).reshape(-1).view(storage).reshape(array.shape)


def save_safetensors(path: Path, arrays: Mapping[str, Array], *, metadata: Mapping[str, str] | None = None) -> Path:
    """Write one ``.safetensors`` file.

    Args:
        path: The file.
        arrays: The tensors; bfloat16 and float8 are ``ml_dtypes`` arrays.
        metadata: Free text of the header.

    Returns:
        The path.
    """
    _save_layout(path.parent, arrays, shard_size=None, metadata=metadata, filename=path.name)
    return path


def save_folder(
    folder: Path,
    arrays: Mapping[str, Array],
    *,
    shard_size: int | None = None,
    metadata: Mapping[str, str] | None = None,
    config: Mapping[str, object] | None = None,
) -> Path:
    """Write a folder as model hubs lay it out.

    Args:
        folder: Created if missing.
        arrays: The tensors; bfloat16 and float8 are ``ml_dtypes`` arrays.
        shard_size: Bytes of data per shard, or ``None`` for ``model.safetensors`` alone.
        metadata: Free text of the headers.
        config: The contents of ``config.json``, if there is to be one.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_layout(folder, arrays, shard_size=shard_size, metadata=metadata, filename="model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _save_layout(
    folder: Path,
    arrays: Mapping[str, Array],
    *,
    shard_size: int | None,
    metadata: Mapping[str, str] | None,
    filename: str,
) -> None:
    infos = list(starmap(tensor_info, arrays.items()))
    layout = plan_layout(infos, shard_size=shard_size, metadata=metadata, filename=filename)
    for shard in layout.shards:
        contents = b"".join(raw_bits(arrays[info.name]).tobytes() for info in shard.tensors)
        (folder / shard.filename).write_bytes(shard.head + contents)
    if layout.index_name is not None:
        (folder / layout.index_name).write_bytes(layout.index)
