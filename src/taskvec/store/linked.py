"""Linked sources: checkpoints that stay where they are, and must stay what they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from blake3 import blake3

from taskvec.checkpoints import Checkpoint, StagedOutput, open_checkpoint
from taskvec.checkpoints.renaming import Renames, renamed
from taskvec.errors import CheckpointError, SourceChangedError, StoreError
from taskvec.store.document import FileState, SourceDocument
from taskvec.store.kind import Owner
from taskvec.streaming import RunOptions, Steps, run_steps
from taskvec.vectors.fingerprints import Digests, differs, fingerprint, hashing
from taskvec.vectors.forms import Source


def describe_source(checkpoint: Checkpoint, digests: Digests, ref: str, root: Path) -> SourceDocument:
    """Write down a checkpoint that was just hashed.

    Args:
        checkpoint: The checkpoint.
        digests: Its digests.
        ref: As the user named it.
        root: The store; what lies in it is written down relative to it.

    Returns:
        The document.
    """
    return SourceDocument(
        ref=ref,
        path=_portable(checkpoint.path, root),
        fingerprint=fingerprint(digests),
        digests=dict(digests),
        num_params=checkpoint.num_params,
        nbytes=checkpoint.nbytes,
        files=file_states(checkpoint, root),
        renames=checkpoint.kind.texts if isinstance(checkpoint.kind, Renames) else (),
    )


def described_by_content(digests: Digests) -> SourceDocument:
    """Write down a checkpoint that has no place yet."""
    return SourceDocument(
        ref="", path="", fingerprint=fingerprint(digests), digests=dict(digests), num_params=0, nbytes=0, files=()
    )


def open_document(document: SourceDocument, root: Path) -> Checkpoint:
    """Open a source as it was when it was described, whatever it holds now."""
    return renamed(open_checkpoint(root / document.path), document.renames)


def file_states(checkpoint: Checkpoint, root: Path) -> tuple[FileState, ...]:
    """Return the state of every file of a checkpoint now.

    Raises:
        CheckpointError: If a file is gone.
    """
    states = []
    for path in checkpoint.files:
        try:
            stat = path.stat()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
        states.append(
            FileState(
                path=_portable(path, root), size=stat.st_size, mtime_ns=stat.st_mtime_ns, ctime_ns=stat.st_ctime_ns
            )
        )
    return tuple(states)


def open_source(document: SourceDocument, root: Path, owner: Owner, options: RunOptions) -> Source:
    """Open a source of a store; if its files were touched, hash it again.

    Args:
        document: What the store knows of it.
        root: The store.
        owner: What it is of.
        options: The limits, for hashing.

    Returns:
        The source, certain to hold what was added.
    """
    return run_steps(opening(document, root, owner), options)


def opening(document: SourceDocument, root: Path, owner: Owner) -> Steps[Source]:
    """Take the steps of :func:`open_source`: none, unless files were touched.

    Raises:
        StoreError: If it is gone.
    """
    try:
        checkpoint = open_document(document, root)
    except CheckpointError as error:
        raise StoreError(
            f"{owner.name}: its source {document.ref} cannot be opened: {error}; restore the files, or {owner.remedy}"
        ) from error
    if file_states(checkpoint, root) != document.files:
        yield from checking(checkpoint, document.digests, owner, document.ref)
    return Source(document.fingerprint, checkpoint, is_hashed=True)


def checking(checkpoint: Checkpoint, expected: Mapping[str, str], owner: Owner, ref: str) -> Steps[None]:
    """Hash a checkpoint and compare.

    Args:
        checkpoint: What to hash.
        expected: The digests that it had.
        owner: What it is of.
        ref: As the user named it.

    Raises:
        SourceChangedError: If a tensor differs.
    """
    changed = yield from finding_changes(checkpoint, expected)
    if changed is not None:
        raise SourceChangedError(
            f"{owner.name}: its source {ref} has changed since it was added ({changed}): restore the files, or "
            f"{owner.remedy}"
        )


def finding_changes(checkpoint: Checkpoint, expected: Mapping[str, str]) -> Steps[str | None]:
    """Hash a checkpoint and name what differs.

    Args:
        checkpoint: What to hash.
        expected: The digests that it should have.

    Returns:
        The first tensor that differs and how many more do; None if none does.
    """
    found = yield from hashing(checkpoint)
    changed = sorted(name for name in {*expected, *found} if differs(found.get(name), expected.get(name)))
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"tensor {changed[0]}{more}" if changed else None


def is_same_source(document: SourceDocument, ref: str | os.PathLike[str], root: Path) -> bool:
    """Say whether a reference names the very files that a document describes, untouched since."""
    checkpoint = open_checkpoint(ref)
    return document.path == _portable(checkpoint.path, root) and document.files == file_states(checkpoint, root)


def keep_copy(checkpoint: Checkpoint, document: SourceDocument, root: Path) -> SourceDocument:
    """Copy a checkpoint's files into the store's objects, under its fingerprint and the names of the files.

    Args:
        checkpoint: What to copy.
        document: What is known of it.
        root: The store.

    Returns:
        The same document, about the copy.

    Raises:
        SourceChangedError: If it changed meanwhile.
    """
    names = "\0".join(sorted(path.name for path in checkpoint.files))
    folder = root / "objects" / f"{document.fingerprint}-{blake3(names.encode()).hexdigest()[:8]}"
    if not folder.exists():
        with StagedOutput(folder) as staged:
            for path in checkpoint.files:
                shutil.copyfile(path, staged.directory / path.name)
            for relative in checkpoint.sidecars:
                shutil.copyfile(checkpoint.root / relative, staged.directory / relative)
            if file_states(checkpoint, root) != document.files:
                raise SourceChangedError(
                    f"{checkpoint.ref} changed while it was copied: add it again when it is complete"
                )
            staged.publish()
    copied = open_checkpoint(folder if checkpoint.path.is_dir() else folder / checkpoint.path.name)
    return document.model_copy(update={"path": _portable(copied.path, root), "files": file_states(copied, root)})


def _portable(path: Path, root: Path) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # a symlink is kept as the user named it
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
