"""What an adapter says: for each module a pair of factors and a scale, and tensors that take the base's place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.table import TensorTable


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
class Adapter:
    """All that an adapter changes.

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


class AdapterCheckpoint(Checkpoint):
    """An adapter's own tensors, and what they mean.

    Attributes:
        adapter: What they mean.
    """

    def __init__(self, ref: str, path: Path, table: TensorTable, adapter: Adapter) -> None:
        scales = {pair.module: pair.scale for pair in adapter.pairs}
        settings = {"scales": scales, "fan_in_fan_out": adapter.fan_in_fan_out}
        super().__init__(ref, path, table, settings={"lora": json.dumps(settings, sort_keys=True)})
        self.adapter = adapter

    def __repr__(self) -> str:
        return f"<AdapterCheckpoint {self.ref}: {len(self.adapter.pairs)} pairs of factors>"
