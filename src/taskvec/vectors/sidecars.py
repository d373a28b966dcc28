"""The files beside the weights: copied from the edited model, or written anew."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from taskvec.checkpoints import Checkpoint
from taskvec.errors import OutputError


def write_sidecars(directory: Path, origin: Checkpoint | None, documents: Mapping[str, str]) -> tuple[str, ...]:
    """Write what lies beside the weights.

    Args:
        directory: The folder of the output.
        origin: The model that is edited; None for a task vector, which has nothing of a model's.
        documents: Name → text that is written, instead of the model's file of that name.

    Returns:
        The names of the files, sorted.

    Raises:
        OutputError: If a file cannot be written.
    """
    names = [] if origin is None else [*origin.sidecars, *origin.overlays]
    carried = [relative for relative in dict.fromkeys(names) if str(relative) not in documents]
    try:
        for relative in carried:
            _carry(origin, relative, directory / relative)
        for name, text in documents.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename}: cannot be carried over: {error.strerror}") from error
    return tuple(sorted([*map(str, carried), *documents]))


def _carry(origin: Checkpoint | None, relative: Path, destination: Path) -> None:
    if origin is None:
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    if relative in origin.overlays:
        destination.write_bytes(origin.overlays[relative])
    else:
        shutil.copyfile(origin.root / relative, destination)
