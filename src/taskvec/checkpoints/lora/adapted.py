"""``base+adapter`` as a model: every touched tensor in the base's own dtype, rounded once as it is read."""

from __future__ import annotations

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import DerivedCheckpoint, Moved, same_as
from taskvec.checkpoints.lora.adapter import AdapterCheckpoint
from taskvec.checkpoints.lora.binding import bound
from taskvec.checkpoints.products import Stored


class AdaptedCheckpoint(DerivedCheckpoint):
    """A model with an adapter on it, computed as it is read.

    Attributes:
        base: The model.
        adapter: The adapter.
    """

    def __init__(self, ref: str, base: Checkpoint, adapter: AdapterCheckpoint) -> None:
        deltas = bound(adapter, base)
        sources = same_as(base)
        for name in deltas.tensors:
            sources[base.tensors[name]] = Moved(Stored(base, name), (deltas.source(name),))
        super().__init__(ref, sources, [base, adapter], tied=base.tied, settings={**base.settings, **adapter.settings})
        self.base = base
        self.adapter = adapter
        self.path = base.path.parent / f"{base.path.name}+{adapter.path}"
        self.root, self.sidecars = base.root, base.sidecars
