"""``base+adapter`` as a model: every touched tensor in the base's own dtype, rounded once as it is read."""

from __future__ import annotations

from dataclasses import dataclass

from taskvec.checkpoints.checkpoint import Checkpoint, Kind
from taskvec.checkpoints.derived import Moved, derived_table, same_as
from taskvec.checkpoints.lora.binding import bound
from taskvec.checkpoints.products import Stored


@dataclass(frozen=True, slots=True)
class Adapted(Kind):
    """A checkpoint that is a model with an adapter on it.

    Attributes:
        base: The model.
        adapter: The adapter.
    """

    base: Checkpoint
    adapter: Checkpoint


def adapted(ref: str, base: Checkpoint, adapter: Checkpoint) -> Checkpoint:
    """Put an adapter on a model, computed as it is read.

    Args:
        ref: The reference as the user typed it.
        base: The model.
        adapter: The adapter.

    Returns:
        The model with the adapter on it.
    """
    deltas = bound(adapter, base)
    sources = same_as(base)
    for name in deltas.tensors:
        sources[base.tensors[name]] = Moved(Stored(base, name), (deltas.source(name),))
    return Checkpoint(
        ref, base.path.parent / f"{base.path.name}+{adapter.path}", derived_table(sources, [base, adapter], base.tied),
        sidecars=base.sidecars, settings={**base.settings, **adapter.settings}, home=base.root,
        kind=Adapted(base, adapter),
    )  # fmt: skip
