"""Task vectors that taskvec wrote to disk: how they are marked, and how they are known again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from taskvec.checkpoints import Checkpoint
from taskvec.errors import AlignmentError, CheckpointError
from taskvec.streaming import RunOptions
from taskvec.vectors.fingerprints import digest_checkpoint, fingerprint
from taskvec.vectors.forms import Dense, Difference, Form, Source

METADATA_KEY = "taskvec"
"""The key of our record in the metadata of every safetensors file we write."""


def form_of(checkpoint: Checkpoint, base: Source, options: RunOptions) -> Form:
    """Take a checkpoint as what it is: a fine-tuned model, or a task vector that was saved by taskvec.

    Args:
        checkpoint: The checkpoint.
        base: The base that it must belong to.
        options: The limits, for hashing a base whose content is not known.

    Returns:
        The form.

    Raises:
        AlignmentError: If a saved task vector belongs to another base.
    """
    record = _record(checkpoint)
    if record.get("kind") != "task_vector":
        return Difference(Source.of(checkpoint))
    recorded = record.get("base")
    if recorded is not None and recorded != (own := content_of(base, options)):
        raise AlignmentError(
            f"{checkpoint.ref} is a task vector of another base ({recorded}) than {base} ({own}): "
            "use it with its own base"
        )
    return Dense(Source.of(checkpoint))


def content_of(source: Source, options: RunOptions) -> str:
    """Return the content fingerprint of a source, hashing it if nobody has."""
    return source.identity if source.is_hashed else fingerprint(digest_checkpoint(source.checkpoint, options))


def _record(checkpoint: Checkpoint) -> Mapping[str, object]:
    try:
        record = json.loads(checkpoint.metadata.get(METADATA_KEY, "{}"))
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.ref}: its taskvec metadata is no JSON: save it again") from error
    return record if isinstance(record, dict) else {}
