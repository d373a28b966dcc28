"""Task vectors that taskvec wrote to disk: how they are marked, and how they are known again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from taskvec.checkpoints import Checkpoint, open_checkpoint
from taskvec.checkpoints.lora import Adapted, Adapter, bound, check_recorded_base
from taskvec.errors import AlignmentError, CheckpointError
from taskvec.streaming import RunOptions, run_steps
from taskvec.vectors.fingerprints import fingerprint, hashing
from taskvec.vectors.forms import Dense, Difference, Form, LowRank, Source

Kind = Literal["difference", "dense", "low-rank"]

METADATA_KEY = "taskvec"
"""The key of our record in the metadata of every safetensors file we write."""


def form_of(checkpoint: Checkpoint, base: Source, options: RunOptions) -> Form:
    """Take a checkpoint as what it is: a fine-tuned model, a LoRA adapter, or a task vector that was saved by taskvec.

    A model that is the very base with an adapter on it is the adapter, whose factors are kept.

    Args:
        checkpoint: The checkpoint.
        base: The base that it must belong to.
        options: The limits, for hashing a base whose content is not known.

    Returns:
        The form.

    Raises:
        AlignmentError: If a saved task vector belongs to another base.
    """
    if isinstance(checkpoint.kind, Adapter):
        check_recorded_base(checkpoint, base.checkpoint, open_checkpoint)
        return low_rank(Source.of(checkpoint), base)
    if isinstance(checkpoint.kind, Adapted) and checkpoint.kind.base.path == base.checkpoint.path:
        return low_rank(Source.of(checkpoint.kind.adapter), base)
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


def kind_of(form: Form) -> Kind:
    """Return what a store calls a form."""
    kinds: Mapping[type[Form], Kind] = {Difference: "difference", Dense: "dense", LowRank: "low-rank"}
    return kinds[type(form)]


def as_form(kind: str, source: Source, base: Source) -> Form:
    """Return the form that a store calls so."""
    if kind == "low-rank":
        return low_rank(source, base)
    return Difference(source) if kind == "difference" else Dense(source)


def low_rank(adapter: Source, base: Source) -> LowRank:
    """Put the factors of an adapter on their base.

    Args:
        adapter: An open adapter and its identity.
        base: The base that it belongs to.

    Returns:
        The form, of the adapter's identity.

    Raises:
        AlignmentError: If the checkpoint is no adapter any more, or not one of this base.
    """
    if not isinstance(adapter.checkpoint.kind, Adapter):
        raise AlignmentError(f"{adapter.checkpoint.ref} is no adapter: remove the vector and add it again")
    deltas = bound(adapter.checkpoint, base.checkpoint)
    return LowRank(Source(adapter.identity, deltas, is_hashed=adapter.is_hashed))


def content_of(source: Source, options: RunOptions) -> str:
    """Return the content fingerprint of a source, hashing it if nobody has."""
    return source.identity if source.is_hashed else fingerprint(run_steps(hashing(source.checkpoint), options))


def _record(checkpoint: Checkpoint) -> Mapping[str, object]:
    try:
        record = json.loads(checkpoint.metadata.get(METADATA_KEY, "{}"))
    except ValueError as error:
        raise CheckpointError(f"{checkpoint.ref}: its taskvec metadata is no JSON: save it again") from error
    return record if isinstance(record, dict) else {}
