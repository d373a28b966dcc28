"""How an output is written, and what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskvec.types import DType


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How an output is written.

    Attributes:
        dtype: The dtype of all combinable tensors; each keeps the base's own if not given.
        shard_size: Bytes in a file at most; one file if not given.
        record: What to write into the output's metadata beside our own facts.
        documents: Name → text that is written beside the weights, instead of the edited model's file of that name.
        public: From a reference to what everybody may read of it, for the rules in the metadata.
    """

    dtype: DType | None = None
    shard_size: int | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    public: Callable[[str], str] = str

    def public_rules(self, rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the rules that were used as everybody may read them."""
        return [{**rule, "source": self.public(rule["source"])} for rule in rules]


@dataclass(frozen=True, slots=True)
class EditResult:
    """What was written.

    Attributes:
        out: The folder.
        files: The files in it, weights first.
        edited: Number of tensors that were computed.
        copied: Number of tensors that were copied from the base.
        num_bytes: Bytes of all tensors.
        rules: The rules that were used, as plain data.
        certificate: The errors, where the vectors came from a basis.
        vocabulary: What moved, where vocabularies were brought together.
    """

    out: Path
    files: tuple[str, ...]
    edited: int
    copied: int
    num_bytes: int
    rules: tuple[Mapping[str, Any], ...] = ()
    certificate: Mapping[str, Any] | None = None
    vocabulary: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as the command line prints it."""
        tensors = {"edited": self.edited, "copied": self.copied}
        result = {"out": str(self.out), "files": list(self.files), "tensors": tensors, "bytes": self.num_bytes}
        extra = {"rules": list(self.rules), "certificate": self.certificate, "vocabulary": self.vocabulary}
        return {**result, **{key: value for key, value in extra.items() if value}}
