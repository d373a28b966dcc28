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

    What is tied in the first stays tied. Where the first has weights of its own under two names, and a later part ties
    these, that part's stand under both.

    Attributes:
        parts: The checkpoints.
    """

    def __init__(self, ref: str, parts: Sequence[tuple[Checkpoint, NameChange]]) -> None:
        sources: dict[TensorInfo, TensorSource] = {}
        tied = parts[0][0].tied  # the configuration, which says so too, is the first's
        for checkpoint, change in parts:
            names = {**dict(zip(checkpoint.tensors, checkpoint.tensors, strict=True)), **checkpoint.tied}
            for own, kept in names.items():
                name = change(own)
                if name is None or (own in checkpoint.tied and name in tied):
                    continue
                info = checkpoint.tensors[kept]
                sources[TensorInfo(name, info.dtype, info.shape)] = Same(checkpoint, kept)
        self.parts = tuple(checkpoint for checkpoint, _ in parts)
        super().__init__(ref, sources, self.parts, settings={"layers": ref})
        first = self.parts[0]
        self.path, self.root, self.sidecars, self.overlays = first.path, first.root, first.sidecars, first.overlays
        self.tied = {alias: kept for alias, kept in tied.items() if alias not in self.tensors and kept in self.tensors}

    def close(self) -> None:
        """Close the parts too."""
        super().close()
        for part in self.parts:
            part.close()
