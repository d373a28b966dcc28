"""The files of an extraction: a small one for each finished matrix, joined to one adapter when all are there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.adapters.peft_folder import PeftLayout, peft_config
from taskvec.adapters.result import LoraMatrix
from taskvec.adapters.whole_tensors import WholeTensors
from taskvec.checkpoints import Checkpoint, CheckpointWriter, write_json_atomic
from taskvec.checkpoints.lora.opening import CONFIG, WEIGHTS
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.linalg.truncation import Truncated
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.streaming import RunOptions
from taskvec.types import DType, TensorInfo
from taskvec.vectors.edited import Edited
from taskvec.vectors.saved_vectors import METADATA_KEY


@dataclass(frozen=True, slots=True)
class Joined:
    """An adapter as it lies in its folder."""

    files: tuple[str, ...]
    num_params: int
    num_bytes: int


def is_done(folder: Path, index: int) -> bool:
    """Say whether a matrix was finished, by this run or an earlier one."""
    return _note(folder, index).exists()


def write_matrix(folder: Path, index: int, layout: PeftLayout, info: TensorInfo, found: Truncated) -> None:
    """Keep the factors of one matrix, and a note of what they lost."""
    factors = layout.factors(info, found) if found.rank else {}
    path = _part(folder, index)
    path.unlink(missing_ok=True)  # of a run that was killed
    infos = [TensorInfo(name, DType.F32, array.shape) for name, array in factors.items()]
    with CheckpointWriter(folder, infos, filename=path.name) as writer:
        for name, array in factors.items():
            writer.write(name, 0, array.reshape(-1))
    write_json_atomic(_note(folder, index), asdict(LoraMatrix(info.name, found.rank, found.energy, found.lost)))


def finished(folder: Path, index: int) -> LoraMatrix:
    """Return the note of a finished matrix."""
    return LoraMatrix(**json.loads(_note(folder, index).read_bytes()))


def join(
    folder: Path,
    base: str,
    layout: PeftLayout,
    matrices: Sequence[LoraMatrix],
    dtype: DType,
    record: str,
    *,
    whole: WholeTensors,
    edited: Edited,
    options: RunOptions,
) -> Joined:
    """Make one adapter of the parts, and remove these.

    Args:
        folder: Where the parts are.
        base: The base as its user named it.
        layout: How the adapter is laid out.
        matrices: What became of every target.
        dtype: The dtype of the factors.
        record: Our record for the header.
        whole: What the adapter holds beside factors.
        edited: The edited model, for that.
        options: The limits, for that.

    Returns:
        What lies there now.
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(_opened(_part(folder, index))) for index in range(len(matrices))]
        infos = [TensorInfo(i.name, dtype, i.shape) for part in parts for i in part.tensors.values()]
        shapes = {name: edited.vector.base.checkpoint.tensors[name] for name in whole.names}
        infos += [TensorInfo(own, shapes[name].dtype, shapes[name].shape) for name, own in whole.names.items()]
        (folder / WEIGHTS).unlink(missing_ok=True)
        with CheckpointWriter(folder, infos, filename=WEIGHTS, metadata={METADATA_KEY: record}) as writer:
            for name, values in _all_values(parts):
                writer.write(name, 0, _rounded(values, dtype))
            for name, own in whole.names.items():
                values = np.asarray(edited.read(name, options), np.float32).reshape(-1)
                writer.write(own, 0, _rounded(values, shapes[name].dtype))
    write_json_atomic(folder / CONFIG, peft_config(base, {m.name: m.rank for m in matrices if m.rank}, layout, whole))
    for index in range(len(matrices)):
        _part(folder, index).unlink()
        _note(folder, index).unlink()
    return Joined((WEIGHTS, CONFIG), sum(i.num_params for i in infos), sum(i.nbytes for i in infos))


def _all_values(parts: Sequence[Checkpoint]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for part in parts:
        for name in part.tensors:
            yield name, part.read(name).reshape(-1)


def _rounded(values: NDArray[np.float32], dtype: DType) -> NDArray[Any]:
    raw = np.empty(values.size * dtype.itemsize, np.uint8)
    round_into(values, dtype_code(dtype), 0, raw)
    return raw.view(dtype.storage)


def _opened(path: Path) -> Checkpoint:
    return Checkpoint(str(path), path, safetensors_table(path))


def _part(folder: Path, index: int) -> Path:
    return folder / f".matrix_{index:05d}.safetensors"


def _note(folder: Path, index: int) -> Path:
    return folder / f".matrix_{index:05d}.json"
