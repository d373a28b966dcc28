"""State dicts saved by torch: a zip of raw storages beside a pickle that describes them.

The pickle is only ever read by torch's ``weights_only`` loader, which runs no code. In a zip, contiguous tensors are
read from their place in the file. Tensors that are not contiguous, files of torch before 1.6 and zips that another
program wrote anew are held in memory.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from taskvec.checkpoints.files import PinnedFile
from taskvec.checkpoints.held import HeldBytes, HeldFile, HeldTensor
from taskvec.checkpoints.local_files import files_in_use
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.state_dict import find_state_dict
from taskvec.checkpoints.table import FileSpan, TensorSource, TensorTable
from taskvec.checkpoints.torch_zip import storage_sizes
from taskvec.errors import CheckpointError, MissingExtraError
from taskvec.types import DType, TensorInfo

_REFUSED_GLOBAL = re.compile(r"GLOBAL (\S+)")
_DTYPES = {
    "float64": DType.F64,
    "float32": DType.F32,
    "float16": DType.F16,
    "bfloat16": DType.BF16,
    "float8_e4m3fn": DType.F8_E4M3,
    "float8_e5m2": DType.F8_E5M2,
    "int64": DType.I64,
    "int32": DType.I32,
    "int16": DType.I16,
    "int8": DType.I8,
    "uint64": DType.U64,
    "uint32": DType.U32,
    "uint16": DType.U16,
    "uint8": DType.U8,
    "bool": DType.BOOL,
}

Tensor = Any
"""A ``torch.Tensor``; torch is an optional dependency and unknown to the type checker here."""


def torch_table(path: Path) -> TensorTable:
    """Read the description of a torch file.

    Args:
        path: The absolute path; the state dict is the file's top level, or its ``state_dict`` or ``model`` entry.

    Returns:
        The tensors in the order of the state dict; names of the same elements are tied to the first of them.

    Raises:
        MissingExtraError: If torch is not installed.
    """
    file = files_in_use().pin(path)
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "torch", "reading .bin/.pt files")
    return _zip_table(file) if is_zipfile(path) else _held_table(file)


def _zip_table(file: PinnedFile) -> TensorTable:
    from torch._subclasses import FakeTensorMode

    sizes = storage_sizes(file.path)
    if not sizes:
        return _held_table(file)
    with FakeTensorMode():
        described = _load(file.path)
    for name, tensor in described.items():
        _check_storage(file, name, tensor, sizes)
    infos, tied = _distinct(described, _checkpoint_offset)
    scattered = [name for name in infos if not described[name].is_contiguous() or described[name].is_neg()]
    held = _held(file, scattered, mmap=True) if scattered else {}

    def span(name: str) -> TensorSource:
        begin = int(described[name].storage_offset()) * infos[name].dtype.itemsize
        return FileSpan(file, _checkpoint_offset(described[name]) + begin)

    return TensorTable(infos, {name: held.get(name) or span(name) for name in infos}, (file,), tied)


def _held_table(file: PinnedFile) -> TensorTable:
    tensors = _load(file.path)
    infos, tied = _distinct(tensors, lambda tensor: int(tensor.data_ptr()))
    return TensorTable(infos, _held(file, infos, tensors), (file,), tied)


def _held(
    file: PinnedFile, names: Iterable[str], tensors: Mapping[str, Tensor] | None = None, *, mmap: bool = False
) -> dict[str, TensorSource]:
    """Hold some tensors of a file in memory; ``tensors`` are those of the file, where it is loaded already."""
    load = partial(_raw_bytes, names=tuple(names), mmap=mmap)
    holder = HeldFile(file, load, load(file, tensors=tensors))
    return {name: HeldTensor(holder, name) for name in names}


def _raw_bytes(
    file: PinnedFile, *, names: Iterable[str], mmap: bool, tensors: Mapping[str, Tensor] | None = None
) -> HeldBytes:
    loaded = _load(file.path, mmap=mmap) if tensors is None else tensors
    return {name: _flat_bytes(loaded[name]) for name in names}


def _distinct(
    tensors: Mapping[str, Tensor], storage_of: Callable[[Tensor], int]
) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Describe the tensors, and tell which names are others of the same elements."""
    infos: dict[str, TensorInfo] = {}
    tied: dict[str, str] = {}
    holders: dict[object, str] = {}
    for name, tensor in tensors.items():
        info = TensorInfo(name, _DTYPES[_kind(tensor)], tuple(tensor.shape))
        elements = (
            storage_of(tensor),
            tensor.storage_offset(),
            tensor.stride(),
            tensor.is_neg(),
            info.shape,
            info.dtype,
        )
        holder = holders.setdefault(elements, name) if info.num_params else name
        if holder == name:
            infos[name] = info
        else:
            tied[name] = holder
    return infos, tied


def _load(path: Path, *, mmap: bool = False) -> Mapping[str, Tensor]:
    """Load a state dict without running code; under a fake tensor mode, without reading weights.

    Raises:
        CheckpointError: If the file is damaged, would run code, or holds anything but tensors.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:
        refused = _REFUSED_GLOBAL.search(str(error))
        problem = f"asks to run {quoted(refused[1])}" if refused else f"cannot be read ({type(error).__name__})"
        raise CheckpointError(f"{path}: {problem}; only plain state dicts of tensors are loaded") from error
    tensors = find_state_dict(loaded, torch.Tensor, path)
    for name, tensor in tensors.items():
        _check_kind(name, tensor, path)
    return tensors


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _check_kind(name: str, tensor: Tensor, path: Path) -> None:
    if _kind(tensor) not in _DTYPES or str(tensor.layout) != "torch.strided":
        raise CheckpointError(
            f"{path}: tensor {quoted(name)} is {tensor.dtype} in layout {tensor.layout}, "
            "which is not supported; convert it"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise CheckpointError(f"{path}: tensor {quoted(name)} repeats its elements; save it as tensor.contiguous()")


def _checkpoint_offset(tensor: Tensor) -> int:
    """Find the position in the file of the first byte of a fake tensor's storage, as torch notes it when loading."""
    return int(vars(tensor.untyped_storage())["_checkpoint_offset"])


def _check_storage(file: PinnedFile, name: str, tensor: Tensor, sizes: Mapping[int, int]) -> None:
    storage, held = tensor.untyped_storage(), sizes.get(_checkpoint_offset(tensor), 0)
    elements_end = tensor.storage_offset() + tensor.numel() if tensor.is_contiguous() else 0
    claimed = max(storage.nbytes(), elements_end * tensor.element_size())
    if claimed > held:
        raise CheckpointError(
            f"{file.path}: tensor {quoted(name)} claims a storage of {claimed} bytes, the file holds {held} of them; "
            "the file is damaged, fetch or save it again"
        )


def _flat_bytes(tensor: Tensor) -> NDArray[np.uint8]:
    import torch

    flat = tensor.detach().resolve_neg().contiguous().reshape(-1)
    raw: NDArray[np.uint8] = flat.view(torch.uint8).numpy() if flat.numel() else np.empty(0, np.uint8)
    return raw
