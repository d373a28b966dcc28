"""The table of formats: one row makes a format pass, or fail, every test of the reader contract."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from taskvec.testing.checkpoints import Array, raw_bits, save_folder, save_safetensors, tensor_info
from taskvec.testing.reader_contract import SaveCheckpoint
from taskvec.types import DType

TORCH_DTYPES = {
    DType.F64: torch.float64,
    DType.F32: torch.float32,
    DType.F16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.F8_E4M3: torch.float8_e4m3fn,
    DType.F8_E5M2: torch.float8_e5m2,
    DType.I64: torch.int64,
    DType.I32: torch.int32,
    DType.I16: torch.int16,
    DType.I8: torch.int8,
    DType.U64: torch.uint64,
    DType.U32: torch.uint32,
    DType.U16: torch.uint16,
    DType.U8: torch.uint8,
    DType.BOOL: torch.bool,
}


def torch_tensor(array: Array) -> torch.Tensor:
    """Turn an array into a tensor of the same bits."""
    info = tensor_info("", array)
    raw = torch.from_numpy(np.frombuffer(bytearray(raw_bits(array).tobytes()), np.uint8)) if array.size else None
    flat = torch.empty(0, dtype=TORCH_DTYPES[info.dtype]) if raw is None else raw.view(TORCH_DTYPES[info.dtype])
    return flat.reshape(array.shape)


def torch_state_dict(arrays: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    return {name: torch_tensor(array) for name, array in arrays.items()}


def _file(folder: Path, arrays: Mapping[str, Array]) -> Path:
    return save_safetensors(folder / "weights.safetensors", arrays)


def _file_by_safetensors(folder: Path, arrays: Mapping[str, Array]) -> Path:
    safetensors.torch.save_file(torch_state_dict(arrays), folder / "theirs.safetensors")
    return folder / "theirs.safetensors"


def _folder_of_a_lone_file(folder: Path, arrays: Mapping[str, Array]) -> Path:
    save_safetensors(folder / "adapter.safetensors", arrays)
    return folder


def _shards(folder: Path, arrays: Mapping[str, Array]) -> Path:
    return save_folder(folder, arrays, shard_size=50)


def _bin_folder(folder: Path, arrays: Mapping[str, Array]) -> Path:
    torch.save(torch_state_dict(arrays), folder / "pytorch_model.bin")
    return folder


def _bin_shards(folder: Path, arrays: Mapping[str, Array]) -> Path:
    names = [f"pytorch_model-{number:05d}-of-{len(arrays):05d}.bin" for number in range(1, len(arrays) + 1)]
    for file, (name, array) in zip(names, arrays.items(), strict=True):
        torch.save({name: torch_tensor(array)}, folder / file)
    write_index(folder / "pytorch_model.bin.index.json", dict(zip(arrays, names, strict=True)))
    return folder


def write_index(path: Path, weight_map: Mapping[str, object]) -> None:
    path.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}), encoding="utf-8")


def _pt(folder: Path, arrays: Mapping[str, Array]) -> Path:
    torch.save(torch_state_dict(arrays), folder / "model.pt")
    return folder / "model.pt"


def _legacy_bin(folder: Path, arrays: Mapping[str, Array]) -> Path:
    torch.save(torch_state_dict(arrays), folder / "model.bin", _use_new_zipfile_serialization=False)
    return folder / "model.bin"


def _nested(folder: Path, arrays: Mapping[str, Array]) -> Path:
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    saved = {"state_dict": torch_state_dict(arrays), "optimizer": optimizer, "epoch": 3, "best": torch.tensor(0.5)}
    torch.save(saved, folder / "training.pth")
    return folder / "training.pth"


def _rewritten_zip(folder: Path, arrays: Mapping[str, Array]) -> Path:
    original = _pt(folder, arrays)
    with zipfile.ZipFile(original) as before, zipfile.ZipFile(folder / "rewritten.pt", "w") as after:
        for entry in before.infolist():
            after.writestr(entry.filename, before.read(entry))
    return folder / "rewritten.pt"


LACKING: Mapping[str, frozenset[DType]] = {
    "legacy bin": frozenset({DType.F8_E4M3, DType.F8_E5M2}),  # torch itself cannot load what it saves
}

FORMATS: Mapping[str, SaveCheckpoint] = {
    "safetensors file": _file,
    "safetensors file by the reference": _file_by_safetensors,
    "folder": save_folder,
    "folder with a lone file": _folder_of_a_lone_file,
    "folder with shards": _shards,
    "pytorch_model.bin": _bin_folder,
    "shards of pytorch_model.bin": _bin_shards,
    "pt": _pt,
    "legacy bin": _legacy_bin,
    "nested pth": _nested,
    "rewritten zip": _rewritten_zip,
}
