"""Declared renames: ``OLD=NEW`` with ``*`` for what stays, so that a checkpoint speaks the names of its base."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.quoting import listed, quoted
from taskvec.checkpoints.table import TensorTable
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


class RenamedCheckpoint(Checkpoint):
    """A checkpoint under other names.

    Attributes:
        renames: What was declared, in order; the first that matches a name counts.
    """

    def __init__(self, origin: Checkpoint, renames: Sequence[Rename]) -> None:
        names = {name: _renamed(name, renames) for name in [*origin.tensors, *origin.tied]}
        _check(origin, renames, names)
        tensors = {names[name]: TensorInfo(names[name], i.dtype, i.shape) for name, i in origin.tensors.items()}
        sources = {names[name]: origin.source(name) for name in origin.tensors}
        tied = {names[name]: names[kept] for name, kept in origin.tied.items()}
        settings = {**origin.settings, "renames": "\n".join(rename.text for rename in renames)}
        super().__init__(origin.ref, origin.path, TensorTable(tensors, sources, (), tied), settings=settings)
        self.files, self.root, self.sidecars = origin.files, origin.root, origin.sidecars
        self.metadata = origin.metadata
        self.renames = tuple(rename.text for rename in renames)


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
    return RenamedCheckpoint(checkpoint, [Rename(text) for text in texts]) if texts else checkpoint


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
