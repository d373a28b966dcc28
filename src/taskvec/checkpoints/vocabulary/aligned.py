"""Base and models with the same rows for the same tokens, as checkpoints that are computed when they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from pathlib import Path
from typing import Any

from blake3 import blake3

from taskvec.checkpoints.checkpoint import Checkpoint
from taskvec.checkpoints.derived import derived_table, same_as
from taskvec.checkpoints.products import Stored
from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.vocabulary.choosing import base_rows, described, model_rows, num_rows, union
from taskvec.checkpoints.vocabulary.report import VocabularyReport
from taskvec.checkpoints.vocabulary.rows import GatheredRows, RowChoice, row_width
from taskvec.checkpoints.vocabulary.tokenizer_files import tokenizer_files
from taskvec.checkpoints.vocabulary.tokens import TOKENIZER_FILES, Vocabulary, read_vocabulary
from taskvec.errors import AlignmentError, CheckpointError
from taskvec.types import TensorInfo

_HAS_ROWS = re.compile(
    r"(.*\.)?(embed_\w+|\w*embeddings?|wte|shared|lm_head|embed_out|proj_out|output|predictions?|decoder|head)"
    r"\.(weight|bias)|(.*\.)?final_logits_bias|(.*\.)?predictions\.bias"
)


@dataclass(frozen=True)
class AlignedVocabularies:
    """Checkpoints that agree on tokens.

    Attributes:
        base: The base, as the result's tokenizer numbers rows; its sidecars are those of the result.
        models: Name → fine-tuned model.
        report: What moved.
    """

    base: Checkpoint
    models: Mapping[str, Checkpoint]
    report: VocabularyReport


def align_vocabularies(base: Checkpoint, models: Mapping[str, Checkpoint], source: str = "base") -> AlignedVocabularies:
    """Bring rows of embeddings and heads together by the strings of their tokens; everything else is as it was.

    A tensor has a row a token if its name says that it is an embedding or a head, and its first dimension is the
    number of rows that the embeddings have. Where no tokenizer differs, the checkpoints come back as they are.

    Args:
        base: The base model.
        models: Name → fine-tuned model.
        source: Whose tokens the result has: ``base``, ``union``, or the name of a model.

    Returns:
        The checkpoints, computed as they are read, and what moved.

    Raises:
        AlignmentError: If ``source`` is no such name.
        CheckpointError: If a tokenizer has no strings, or more tokens than the embeddings have rows.
    """
    if source not in {"base", "union", *models}:
        raise AlignmentError(f"tokenizer_source is {quoted(source)}: use base, union, or one of {', '.join(models)}")
    everyone = {"base": base, **models}
    vocabularies = [read_vocabulary(_folder(checkpoint)) for checkpoint in everyone.values()]
    rows = list(starmap(_own_rows, zip(everyone.values(), vocabularies, strict=True)))
    target = _target(source, list(models), vocabularies)
    leading = rows[1 + list(models).index(source)] if source in models else rows[0]
    total = num_rows(max(target.values(), default=-1) + 1, leading)
    report = VocabularyReport(
        source=source,
        tokens=len(target),
        rows=total,
        added=tuple(token for token in target if token not in vocabularies[0].ids),
        tensors=tuple(_with_rows(base, rows[0])),
        models={name: described(target, v, r) for name, v, r in zip(everyone, vocabularies, rows, strict=True)},
    )
    if all(v.ids == target for v in vocabularies) and set(rows) == {total}:
        return AlignedVocabularies(base, models, report)
    return _aligned(everyone, vocabularies, rows, target, total, report)


def _aligned(
    everyone: Mapping[str, Checkpoint],
    vocabularies: Sequence[Vocabulary],
    rows: Sequence[int],
    target: Mapping[str, int],
    total: int,
    report: VocabularyReport,
) -> AlignedVocabularies:
    checkpoints = list(everyone.values())
    of_base = base_rows(target, total, vocabularies, rows[0])
    views: dict[str, Checkpoint] = {}
    for number, (name, checkpoint) in enumerate(everyone.items()):
        choice = model_rows(target, number, vocabularies[number], of_base) if number else of_base
        views[name] = _view(checkpoint, checkpoints, rows, choice, report)
    leading = (
        vocabularies[0] if report.source in {"base", "union"} else vocabularies[list(everyone).index(report.source)]
    )
    base = views.pop("base")
    files = tokenizer_files(leading, [token for token in report.added if report.source == "union"], target)
    config = _config(checkpoints[0], total)
    sidecars = tuple(path for path in base.sidecars if path.name not in TOKENIZER_FILES)
    return AlignedVocabularies(replace(base, overlays={**files, **config}, sidecars=sidecars), views, report)


def _view(
    checkpoint: Checkpoint,
    checkpoints: Sequence[Checkpoint],
    rows: Sequence[int],
    choice: RowChoice,
    report: VocabularyReport,
) -> Checkpoint:
    sources = same_as(checkpoint)
    for name in _with_rows(checkpoint, rows[checkpoints.index(checkpoint)]):
        info = checkpoint.tensors[name]
        del sources[info]
        tensors = [_stored(other, name, checkpoint) for other in checkpoints]
        new = TensorInfo(name, info.dtype, (len(choice), *info.shape[1:]))
        sources[new] = GatheredRows(choice, tensors, info.dtype, row_width(info.shape))
    origins = [checkpoint, *(other for other in checkpoints if other is not checkpoint)]
    said = json.dumps([report.source, report.rows, report.tokens, list(report.added)])
    return Checkpoint(
        checkpoint.ref,
        checkpoint.path.with_name(f"{checkpoint.path.name}#{blake3(said.encode()).hexdigest(length=8)}"),
        derived_table(sources, origins, checkpoint.tied),
        sidecars=checkpoint.sidecars,
        settings={**checkpoint.settings, "vocabulary": said},
        home=checkpoint.root,
    )


def _stored(other: Checkpoint, name: str, checkpoint: Checkpoint) -> Stored:
    """Return the tensor of another model that is meant by a name.

    Raises:
        AlignmentError: If it has none, or rows of another length.
    """
    found = other.tied.get(name, name)
    own = checkpoint.tensors[name]
    if found not in other.tensors or other.tensors[found].shape[1:] != own.shape[1:]:
        raise AlignmentError(f"tensor {own} of {checkpoint.ref} has no counterpart of such rows in {other.ref}")
    return Stored(other, found)


def _target(source: str, names: Sequence[str], vocabularies: Sequence[Vocabulary]) -> Mapping[str, int]:
    if source == "union":
        return union(vocabularies)
    return vocabularies[0 if source == "base" else 1 + names.index(source)].ids


def _own_rows(checkpoint: Checkpoint, vocabulary: Vocabulary) -> int:
    """Return the rows of a model's embeddings: the commonest first dimension that holds all tokens.

    Raises:
        CheckpointError: If there are fewer rows than tokens.
    """
    named = [info for info in checkpoint.tensors.values() if _HAS_ROWS.fullmatch(info.name) and len(info.shape) == 2]
    sizes = sorted({info.shape[0] for info in named if info.shape[0] >= vocabulary.num_rows})
    if not sizes:
        raise CheckpointError(
            f"{checkpoint.ref}: no embedding has {vocabulary.num_rows} rows or more, as many as its tokenizer in "
            f"{vocabulary.folder} has tokens: the tokenizer is another model's, or grew without the embeddings"
        )
    return sizes[0]


def _with_rows(checkpoint: Checkpoint, rows: int) -> list[str]:
    return [
        info.name
        for info in checkpoint.tensors.values()
        if info.shape[:1] == (rows,) and info.dtype.is_combinable and _HAS_ROWS.fullmatch(info.name)
    ]


def _folder(checkpoint: Checkpoint) -> Path:
    return checkpoint.root if checkpoint.root.is_dir() else checkpoint.root.parent


def _config(base: Checkpoint, rows: int) -> dict[Path, bytes]:
    """Return ``config.json`` with the new number of rows, if there is one and it says another."""
    path = base.root / "config.json"
    if not path.is_file():
        return {}
    config: dict[str, Any] = json.loads(path.read_bytes())
    for part in (config, config.get("text_config")):
        if isinstance(part, dict) and "vocab_size" in part:
            part["vocab_size"] = rows
    return {Path("config.json"): (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()}
