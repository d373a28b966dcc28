"""State dicts saved by torch."""

from __future__ import annotations
from pathlib import Path
from taskvec.checkpoints.table import TensorTable


def torch_table(path: Path) -> TensorTable:
    raise NotImplementedError
