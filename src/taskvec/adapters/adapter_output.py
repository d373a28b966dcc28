"""The files of an extraction: a small one for each finished matrix, joined to one adapter when all are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskvec.adapters.peft_folder import PeftLayout, peft_config
from taskvec.adapters.result import LoraMatrix
from taskvec.adapters.whole_tensors import WholeTensors, check_memory
from taskvec.checkpoints import Checkpoint, CheckpointWriter, write_json_atomic
from taskvec.checkpoints.lora.opening import CONFIG, WEIGHTS
from taskvec.checkpoints.safetensors_file import safetensors_table
from taskvec.numerics.codes import dtype_code
from taskvec.numerics.rounding import round_into
from taskvec.streaming import Foreseen, Pass, RunOptions
from taskvec.types import DType, TensorInfo
from taskvec.vectors.edited import Edited
from taskvec.vectors.saved_vectors import METADATA_KEY


def factors_path(folder: Path, index: int) -> Path:
    """Return the file of the factors of a matrix."""
    return folder / f".matrix_{index:05d}.safetensors"


def write_factors(path: Path, factors: Mapping[str, NDArray[np.float32]]) -> None:
    """Keep the factors of one matrix until all are there."""
    path.unlink(missing_ok=True)  # of a run that was killed
    infos = [TensorInfo(name, DType.F32, array.shape) for name, array in factors.items()]
    with CheckpointWriter(path.parent, infos, filename=path.name) as writer:
        for name, array in factors.items():
            writer.write(name, 0, array.reshape(-1))


@dataclass(frozen=True)
class Joining(Pass[None]):
    """Making one adapter of the parts, which are removed.

    Attributes:
        folder: Where the parts are.
        layout: How the adapter is laid out.
        matrices: What became of every target.
        dtype: The dtype of the factors.
        record: Our record for the header.
        edited: The edited model.
        whole: What of it the adapter holds beside factors.
    """

    folder: Path
    layout: PeftLayout
    matrices: Sequence[LoraMatrix]
    dtype: DType
    record: str
    edited: Edited
    whole: WholeTensors

    def foresee(self, options: RunOptions) -> Foreseen[None]:
        """Refuse a tensor that does not fit whole; parts are as large as what is made of them, and counted already.

        Raises:
            MemoryLimitError: If one does not.
        """
        check_memory(self._kept, options)
        return Foreseen(None, target=self.folder)

    def run(self, options: RunOptions) -> None:
        """Write the adapter and its configuration."""
        with ExitStack() as stack:
            parts = [stack.enter_context(_opened(path)) for path in self._parts]
            infos = [TensorInfo(i.name, self.dtype, i.shape) for part in parts for i in part.tensors.values()]
            infos += [TensorInfo(self.whole.names[kept.name], kept.dtype, kept.shape) for kept in self._kept]
            (self.folder / WEIGHTS).unlink(missing_ok=True)
            metadata = {METADATA_KEY: self.record}
            with CheckpointWriter(self.folder, infos, filename=WEIGHTS, metadata=metadata) as writer:
                for name, factor in _all_values(parts):
                    writer.write(name, 0, _rounded(factor, self.dtype))
                for kept in self._kept:
                    values = np.asarray(self.edited.read(kept.name, options), np.float32).reshape(-1)
                    writer.write(self.whole.names[kept.name], 0, _rounded(values, kept.dtype))
        base, ranks = self.edited.vector.base.checkpoint, {m.name: m.rank for m in self.matrices if m.rank}
        write_json_atomic(self.folder / CONFIG, peft_config(base.ref, ranks, self.layout, self.whole))
        for path in self._parts:
            path.unlink()

    @property
    def _parts(self) -> list[Path]:
        return [factors_path(self.folder, index) for index in range(len(self.matrices))]

    @property
    def _kept(self) -> list[TensorInfo]:
        tensors = self.edited.vector.base.checkpoint.tensors
        return [tensors[name] for name in self.whole.names]


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
