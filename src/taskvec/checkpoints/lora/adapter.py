"""What an adapter says: for each module a pair of factors and a scale, and tensors that take the base's place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint, Kind
from taskvec.checkpoints.table import TensorTable
from taskvec.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class LoraPair:
    """ΔW = scale · B A of one module (Hu et al., arXiv 2106.09685).

    Attributes:
        module: The module as the adapter calls it.
        down: The name of A, ``(r, inputs)``.
        up: The name of B, ``(outputs, r)``.
        scale: α / r, or α / √r where the adapter says so (rsLoRA, arXiv 2312.03732).
        is_embedding: Whether rows of the base's tensor are inputs, as in an embedding.
    """

    module: str
    down: str
    up: str
    scale: float
    is_embedding: bool = False


@dataclass(frozen=True, slots=True)
class Adapter(Kind):
    """A checkpoint that is an adapter: all that it changes.

    Attributes:
        pairs: The factored changes.
        replaced: Name of a base's tensor, as the adapter calls it → the adapter's tensor that takes its place.
        fan_in_fan_out: Whether the base keeps its matrices transposed, inputs by outputs.
        recorded_base: The base that the adapter names, if it names one.
    """

    pairs: tuple[LoraPair, ...]
    replaced: Mapping[str, str] = field(default_factory=dict)
    fan_in_fan_out: bool = False
    recorded_base: str | None = None

    def __str__(self) -> str:
        return f"{len(self.pairs)} pairs of factors"


def adapter_checkpoint(ref: str, path: Path, table: TensorTable, adapter: Adapter) -> Checkpoint:
    """Make a checkpoint of an adapter's own tensors, and of what they mean."""
    scales = {pair.module: pair.scale for pair in adapter.pairs}
    said = json.dumps({"scales": scales, "fan_in_fan_out": adapter.fan_in_fan_out}, sort_keys=True)
    return Checkpoint(ref, path, table, settings={"lora": said}, kind=adapter)


def adapter_of(checkpoint: Checkpoint) -> Adapter:
    """Return what the tensors of an adapter mean.

    Raises:
        CheckpointError: If the checkpoint is no adapter.
    """
    if not isinstance(checkpoint.kind, Adapter):
        raise CheckpointError(f"{checkpoint.ref}: holds no LoRA adapter")
    return checkpoint.kind
