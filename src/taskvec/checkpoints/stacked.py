"""Layers of several checkpoints as one checkpoint, renumbered: what is known as a frankenmerge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import DerivedCheckpoint, Same
from taskvec.checkpoints.table import TensorSource
from taskvec.types import TensorInfo

NameChange = Callable[[str], str | None]
"""From a name in a part to the name in the whole; None for what is left out."""


class StackedCheckpoint(DerivedCheckpoint):
    """Tensors of several checkpoints under other names; side files are those of the first.

    Attributes:
        parts: The checkpoints.
    """

    def __init__(self, ref: str, parts: Sequence[tuple[Checkpoint, NameChange]]) -> None:
        sources: dict[TensorInfo, TensorSource] = {}
        for checkpoint, change in parts:
            for info in checkpoint.tensors.values():
                name = change(info.name)
                if name is not None:
                    sources[TensorInfo(name, info.dtype, info.shape)] = Same(checkpoint, info.name)
        self.parts = tuple(checkpoint for checkpoint, _ in parts)
        super().__init__(ref, sources, self.parts, settings={"layers": ref})
        first = self.parts[0]
        self.path, self.root, self.sidecars, self.overlays = first.path, first.root, first.sidecars, first.overlays
        tied = self.parts[0].tied.items()  # the configuration, which says so too, is the first's
        self.tied = {alias: kept for alias, kept in tied if alias not in self.tensors and kept in self.tensors}

    def close(self) -> None:
        """Close the parts too."""
        super().close()
        for part in self.parts:
            part.close()
