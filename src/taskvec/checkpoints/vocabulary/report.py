"""What moved when vocabularies were brought together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelRows:
    """What became of one model's rows.

    Attributes:
        kept: Tokens whose row is where it was.
        moved: Tokens whose row is another now.
        left_out: Tokens that the result does not have.
        lacking: Tokens of the result that the model does not have; its rows for them are the base's.
        padding: Rows of the model that no token has.
    """

    kept: int
    moved: int
    left_out: int
    lacking: int
    padding: int

    def to_json(self) -> dict[str, int]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class VocabularyReport:
    """What moved.

    Attributes:
        source: Whose tokens the result has: ``base``, ``union`` or the name of a model.
        tokens: Number of tokens of the result.
        rows: Rows of its embeddings, padding included.
        added: Tokens that the base does not have.
        tensors: The tensors that have a row a token.
        models: Name → what became of its rows; ``base`` among them.
    """

    source: str
    tokens: int
    rows: int
    added: tuple[str, ...]
    tensors: tuple[str, ...]
    models: Mapping[str, ModelRows] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        models = {name: rows.to_json() for name, rows in self.models.items()}
        plain = {"source": self.source, "tokens": self.tokens, "rows": self.rows, "added": list(self.added)}
        return {**plain, "tensors": list(self.tensors), "models": models}
