"""Checkpoints that will be there: names, shapes and dtypes are known before a byte is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.table import TensorSource, TensorTable
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo


@dataclass(frozen=True, slots=True)
class _Unwritten(TensorSource):
    """A tensor of a file that is not there yet."""

    ref: str

    def read_into(self, offset: int, out: memoryview) -> None:  # noqa: ARG002
        """Refuse to be read.

        Raises:
            CheckpointError: Always.
        """
        raise CheckpointError(f"{self.ref}: is not written yet")


def expected_checkpoint(ref: str, tensors: Iterable[TensorInfo]) -> Checkpoint:
    """Return a checkpoint as it will be, which can be planned with and not read.

    Args:
        ref: What it will be called.
        tensors: What it will hold.

    Returns:
        The checkpoint.
    """
    infos = {info.name: info for info in tensors}
    return Checkpoint(ref, Path(ref), TensorTable(infos, dict.fromkeys(infos, _Unwritten(ref)), ()))
