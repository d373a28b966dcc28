"""Declared renames: ``OLD=NEW`` with ``*`` for what stays, so that a checkpoint speaks the names of its base."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from taskvec.checkpoints.checkpoint import Checkpoint, Kind
from taskvec.checkpoints.quoting import listed, quoted
from taskvec.errors import CheckpointError
from taskvec.types import TensorInfo


@dataclass(frozen=True, slots=True)
class Rename:
    """A pattern of names and what takes its place.

    Attributes:
        text: ``OLD=NEW``.
    """

    text: str

    def __post_init__(self) -> None:
        old, _, new = self.text.partition("=")
        if not old or not new or old.count("*") != new.count("*"):
            raise CheckpointError(
                f"rename {quoted(self.text)}: expected OLD=NEW with as many * on both sides, such as "
                "'language_model.model.*=model.language_model.*'"
            )

    def apply(self, name: str) -> str | None:
        """Return the new name; None where the pattern does not match."""
        old, _, new = self.text.partition("=")
        match = re.fullmatch("(.*)".join(map(re.escape, old.split("*"))), name)
        if match is None:
            return None
        kept = iter(match.groups())
        return "".join(next(kept) if char == "*" else char for char in new)


@dataclass(frozen=True, slots=True)
class Renames(Kind):
    """What was declared of a checkpoint under other names.

    Attributes:
        texts: The patterns, in order; the first that matches a name counts.
    """

    texts: tuple[str, ...]


def renamed(checkpoint: Checkpoint, texts: Sequence[str]) -> Checkpoint:
    """Return a checkpoint under the names that its base has.

    Args:
        checkpoint: The checkpoint.
        texts: ``OLD=NEW``, any number of times.

    Returns:
        The same contents under other names.

    Raises:
        CheckpointError: If a pattern is malformed or matches nothing, or two tensors would have one name.
    """
    if not texts:
        return checkpoint
    renames = [Rename(text) for text in texts]
    names = {name: _renamed(name, renames) for name in [*checkpoint.tensors, *checkpoint.tied]}
    _check(checkpoint, renames, names)
    table = replace(
        checkpoint.table,
        tensors={names[name]: TensorInfo(names[name], i.dtype, i.shape) for name, i in checkpoint.tensors.items()},
        sources={names[name]: checkpoint.source(name) for name in checkpoint.tensors},
        tied={names[name]: names[kept] for name, kept in checkpoint.tied.items()},
    )
    settings = {**checkpoint.settings, "renames": "\n".join(texts)}
    return Checkpoint(
        checkpoint.ref, checkpoint.path, table, sidecars=checkpoint.sidecars, settings=settings,
        home=checkpoint.root, kind=Renames(tuple(texts)),
    )  # fmt: skip


def _renamed(name: str, renames: Sequence[Rename]) -> str:
    return next((new for rename in renames if (new := rename.apply(name)) is not None), name)


def _check(origin: Checkpoint, renames: Sequence[Rename], names: dict[str, str]) -> None:
    """Refuse renames that do nothing or too much.

    Raises:
        CheckpointError: If one matches nothing, or two tensors would have one name.
    """
    for rename in renames:
        if all(rename.apply(name) is None for name in names):
            raise CheckpointError(
                f"rename {quoted(rename.text)} matches no tensor of {origin.ref}: see taskvec inspect"
            )
    if len(set(names.values())) < len(names):
        double = Counter(names.values()).most_common(1)[0][0]
        both = [name for name, new in names.items() if new == double]
        raise CheckpointError(f"{origin.ref}: {listed(both)} would all be renamed to {quoted(double)}")
