"""The strings of a tokenizer's tokens, read from the files beside a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from taskvec.checkpoints.quoting import quoted
from taskvec.errors import CheckpointError, MissingExtraError

TOKENIZER = "tokenizer.json"
TOKENIZER_FILES = (
    TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
    "merges.txt", "tokenizer.model", "spiece.model", "chat_template.jinja",
)  # fmt: skip
"""What belongs to a tokenizer, in a folder as hubs lay it out."""


@dataclass(frozen=True)
class Vocabulary:
    """Token strings and the rows of the embeddings that are theirs.

    Attributes:
        ids: Token → row.
        folder: Where the tokenizer's files are.
    """

    ids: Mapping[str, int]
    folder: Path

    @cached_property
    def strings(self) -> Mapping[int, str]:
        """Row → token."""
        return {row: token for token, row in self.ids.items()}

    @property
    def num_rows(self) -> int:
        """One more than the last row that has a token; rows from here on are padding."""
        return max(self.ids.values(), default=-1) + 1


def read_vocabulary(folder: Path) -> Vocabulary:
    """Read the tokens of the tokenizer in a folder.

    Args:
        folder: A folder as model hubs lay it out.

    Returns:
        The tokens, added ones among them.

    Raises:
        CheckpointError: If there is no tokenizer whose strings can be read, or two tokens share a row.
    """
    if (folder / TOKENIZER).is_file():
        ids = _by_library(folder / TOKENIZER)
    elif (folder / "vocab.json").is_file():
        ids = {**_object(folder / "vocab.json"), **_added(folder)}
    elif (folder / "vocab.txt").is_file():
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        ids = {**{token: row for row, token in enumerate(lines)}, **_added(folder)}
    else:
        raise CheckpointError(
            f"{folder}: holds no {TOKENIZER}, vocab.json or vocab.txt, so that nobody can say which token a row is "
            "for: save the tokenizer with AutoTokenizer.from_pretrained(…).save_pretrained(…)"
        )
    vocabulary = Vocabulary(ids, folder)
    if len(vocabulary.strings) < len(ids):
        row = next(row for token, row in ids.items() if vocabulary.strings[row] != token)
        raise CheckpointError(f"{folder}: two tokens of its tokenizer have the row {row}; save the tokenizer again")
    return vocabulary


def _by_library(path: Path) -> dict[str, int]:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtraError("tokenizers", "tokenizers", "aligning vocabularies") from error
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:
        raise CheckpointError(f"{path}: is no tokenizer: {quoted(str(error))}; save it again") from error
    ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    return ids


def _added(folder: Path) -> dict[str, int]:
    path = folder / "added_tokens.json"
    return _object(path) if path.is_file() else {}


def _object(path: Path) -> dict[str, int]:
    try:
        ids: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path}: is not JSON: {error}") from None
    if not isinstance(ids, dict) or not all(type(row) is int and row >= 0 for row in ids.values()):
        raise CheckpointError(f"{path}: is no map from tokens to rows; save the tokenizer again")
    return ids
