"""Which token gets which row, and where each model takes that row from.

The rules: a token that a model has keeps its own row; one that the base lacks gets, in the base, the mean of the rows
of the models that have it, so that it comes through as they learned it; a token that a fine-tuned model lacks has the
base's row there, so that the model changes nothing about it; padding rows are the base's own, or zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from taskvec.checkpoints.vocabulary.report import ModelRows
from taskvec.checkpoints.vocabulary.rows import NOTHING, RowChoice
from taskvec.checkpoints.vocabulary.tokens import Vocabulary

_PADDED = 64  # embeddings are rounded up to a multiple of this, for speed on some hardware


def union(vocabularies: Sequence[Vocabulary]) -> dict[str, int]:
    """Return the tokens of all: the first's where they are, then what each of the others adds, in its own order.

    Args:
        vocabularies: The base's, then those of the models.

    Returns:
        Token → row.
    """
    ids = dict(vocabularies[0].ids)
    row = vocabularies[0].num_rows
    for vocabulary in vocabularies[1:]:
        for token in sorted(vocabulary.ids, key=vocabulary.ids.__getitem__):
            if token not in ids:
                ids[token] = row
                row += 1
    return ids


def num_rows(tokens: int, own_rows: int) -> int:
    """Return the rows of embeddings that must hold so many tokens: as many as there are, or more in the same steps."""
    if tokens <= own_rows:
        return own_rows
    return -(-tokens // _PADDED) * _PADDED if own_rows % _PADDED == 0 else tokens


def base_rows(target: Mapping[str, int], rows: int, vocabularies: Sequence[Vocabulary], own_rows: int) -> RowChoice:
    """Say where the base's rows come from.

    Args:
        target: Token → row of the result.
        rows: Rows of the result.
        vocabularies: The base's, then those of the models.
        own_rows: Rows of the base's embeddings.

    Returns:
        The choice; origin 0 is the base.
    """
    origins, sources = _padding(target, rows, vocabularies[0], own_rows)
    means: dict[int, tuple[tuple[int, int], ...]] = {}
    for token, row in target.items():
        if token in vocabularies[0].ids:
            origins[row], sources[row] = 0, vocabularies[0].ids[token]
            continue
        having = tuple((n, v.ids[token]) for n, v in enumerate(vocabularies) if token in v.ids)
        origins[row], sources[row] = having[0]
        if len(having) > 1:
            means[row] = having
    return RowChoice(origins, sources, means)


def model_rows(target: Mapping[str, int], model: int, own: Vocabulary, base: RowChoice) -> RowChoice:
    """Say where a model's rows come from: its own where it has the token, the base's elsewhere."""
    origins, sources, means = base.origins.copy(), base.rows.copy(), dict(base.means)
    for token, row in target.items():
        if token in own.ids:
            origins[row], sources[row] = model, own.ids[token]
            means.pop(row, None)
    return RowChoice(origins, sources, means)


def described(target: Mapping[str, int], own: Vocabulary, own_rows: int) -> ModelRows:
    """Count what becomes of a model's rows."""
    shared = [token for token in own.ids if token in target]
    kept = sum(target[token] == own.ids[token] for token in shared)
    return ModelRows(
        kept=kept,
        moved=len(shared) - kept,
        left_out=len(own.ids) - len(shared),
        lacking=len(target) - len(shared),
        padding=own_rows - len(own.strings),
    )


def _padding(
    target: Mapping[str, int], rows: int, base: Vocabulary, own_rows: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Start with the base's own row wherever that has no token either, and with nothing elsewhere."""
    origins, sources = np.full(rows, NOTHING, np.int64), np.zeros(rows, np.int64)
    taken = set(target.values())
    for row in range(min(rows, own_rows)):
        if row not in taken and row not in base.strings:
            origins[row], sources[row] = 0, row
    return origins, sources
