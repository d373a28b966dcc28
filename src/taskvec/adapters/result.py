"""What an extraction wrote, and what it lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LoraMatrix:
    """One tensor as a product.

    Attributes:
        name: The tensor of the base.
        rank: The rank that was kept.
        energy: ‖ΔW‖_F².
        lost: ‖ΔW − BA‖_F².
    """

    name: str
    rank: int
    energy: float
    lost: float

    @property
    def error(self) -> float:
        """‖ΔW − BA‖ / ‖ΔW‖; 0 where nothing changed."""
        return math.sqrt(self.lost / self.energy) if self.energy else 0.0


@dataclass(frozen=True, slots=True)
class LoraResult:
    """An adapter that was written.

    Attributes:
        out: The folder.
        files: The files in it.
        matrices: What became of every target.
        left_out: Tensor that an adapter of this kind cannot change → ‖Δ‖² of its change; those that change nothing
            are not named.
        whole: Tensors that it holds whole, in place of the base's.
        certificate: The errors of what was cut, where it came from a basis.
        num_params: Numbers in the adapter.
        num_bytes: Bytes of its weights.
    """

    out: Path
    files: tuple[str, ...]
    matrices: tuple[LoraMatrix, ...]
    left_out: Mapping[str, float]
    num_params: int
    num_bytes: int
    whole: tuple[str, ...] = ()
    certificate: Mapping[str, Any] | None = None

    @property
    def truncation_error(self) -> float:
        """What the rank cost: ‖τ̂ − τ‖ / ‖τ‖ over the targets."""
        energy = sum(matrix.energy for matrix in self.matrices)
        return math.sqrt(sum(matrix.lost for matrix in self.matrices) / energy) if energy else 0.0

    @property
    def relative_error(self) -> float:
        """‖τ̂ − τ‖ / ‖τ‖ over all tensors but those held whole, with what was left out."""
        rest = sum(self.left_out.values())
        energy = rest + sum(matrix.energy for matrix in self.matrices)
        return math.sqrt((rest + sum(matrix.lost for matrix in self.matrices)) / energy) if energy else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the result as the command line prints it."""
        return {
            "out": str(self.out),
            "files": list(self.files),
            "truncation_error": self.truncation_error,
            "relative_error": self.relative_error,
            "matrices": [{"name": m.name, "rank": m.rank, "error": m.error} for m in self.matrices],
            "left_out": [{"name": name, "norm": math.sqrt(energy)} for name, energy in self.left_out.items()],
            "whole": list(self.whole),
            "num_params": self.num_params,
            "bytes": self.num_bytes,
            **({} if self.certificate is None else {"certificate": dict(self.certificate)}),
        }
