"""Layers of several checkpoints as one checkpoint, renumbered: what is known as a frankenmerge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import Same, derived_table
from taskvec.checkpoints.table import TensorSource
from taskvec.types import TensorInfo

NameChange = Callable[[str], str | None]
"""From a name in a part to the name in the whole; None for what is left out."""


def stacked(ref: str, parts: Sequence[tuple[Checkpoint, NameChange]]) -> Checkpoint:
    """Put tensors of several checkpoints together under other names; side files are those of the first.

    What is tied in the first stays tied. Where the first has weights of its own under two names, and a later part ties
    these, that part's stand under both.

    Args:
        ref: The name of the whole, which says what it is made of.
        parts: The checkpoints, and how their tensors are called in the whole.

    Returns:
        The whole; closing it closes the parts too.
    """
    sources: dict[TensorInfo, TensorSource] = {}
    first = parts[0][0]
    tied = first.tied  # the configuration, which says so too, is the first's
    for checkpoint, change in parts:
        names = {**dict(zip(checkpoint.tensors, checkpoint.tensors, strict=True)), **checkpoint.tied}
        for own, kept in names.items():
            name = change(own)
            if name is None or (own in checkpoint.tied and name in tied):
                continue
            info = checkpoint.tensors[kept]
            sources[TensorInfo(name, info.dtype, info.shape)] = Same(checkpoint, kept)
    names_there = {info.name for info in sources}
    still_tied = {alias: kept for alias, kept in tied.items() if alias not in names_there and kept in names_there}
    checkpoints = tuple(checkpoint for checkpoint, _ in parts)
    return Checkpoint(
        ref, first.path, derived_table(sources, checkpoints, still_tied), sidecars=first.sidecars,
        settings={"layers": ref}, overlays=first.overlays, home=first.root, parts=checkpoints,
    )  # fmt: skip
