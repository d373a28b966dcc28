"""How the headers of two checkpoints differ: names, shapes, dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.types import DType, Shape, TensorInfo

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Difference(Generic[Value]):
    """A tensor that both have, and what each says of it."""

    name: str
    first: Value
    second: Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two checkpoints; tied names count as names.

    Attributes:
        num_shared: Number of names that both have.
        only_in_first: Names that the second lacks, in the first's order.
        only_in_second: Names that the first lacks, in the second's order.
        shapes: Tensors of different shapes.
        dtypes: Tensors of different dtypes.
    """

    num_shared: int
    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]
    shapes: tuple[Difference[Shape], ...]
    dtypes: tuple[Difference[DType], ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_in_first or self.only_in_second or self.shapes or self.dtypes)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as the command line prints it."""
        return {
            "same": self.same,
            "only_in_first": list(self.only_in_first),
            "only_in_second": list(self.only_in_second),
            "shapes": _plain([Difference(d.name, list(d.first), list(d.second)) for d in self.shapes]),
            "dtypes": _plain([Difference(d.name, d.first.value, d.second.value) for d in self.dtypes]),
        }


def compare(first: Checkpoint, second: Checkpoint) -> Comparison:
    """Compare two checkpoints by their headers.

    Args:
        first: One.
        second: The other.

    Returns:
        What differs.
    """
    ours, theirs = _by_name(first), _by_name(second)
    pairs = [(name, info, theirs[name]) for name, info in ours.items() if name in theirs]
    return Comparison(
        num_shared=len(pairs),
        only_in_first=tuple(name for name in ours if name not in theirs),
        only_in_second=tuple(name for name in theirs if name not in ours),
        shapes=tuple(Difference(name, a.shape, b.shape) for name, a, b in pairs if a.shape != b.shape),
        dtypes=tuple(Difference(name, a.dtype, b.dtype) for name, a, b in pairs if a.dtype != b.dtype),
    )


def _by_name(checkpoint: Checkpoint) -> dict[str, TensorInfo]:
    tied = {name: checkpoint.tensors[kept] for name, kept in checkpoint.tied.items()}
    return {**checkpoint.tensors, **tied}


def _plain(differences: Sequence[Difference[Any]]) -> list[dict[str, Any]]:
    return [{"name": d.name, "first": d.first, "second": d.second} for d in differences]
