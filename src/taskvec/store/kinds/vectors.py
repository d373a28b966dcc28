"""Task vectors: links to checkpoints that stay where they are, or copies that the store keeps."""

from __future__ import annotations

from typing import Literal

from taskvec.store.document import Document, SourceDocument
from taskvec.store.kind import Kind, Owner
from taskvec.vectors.forms import delta_identity


class RuleDocument(Document):
    """A rule that was used when a vector was added, and the tensors that it covered."""

    rule: str
    source: str
    tensors: tuple[str, ...]


class VectorDocument(Document):
    """One task vector of a store.

    Attributes:
        name: Its name.
        form: ``difference`` for a fine-tuned model, ``dense`` for a stored delta, ``low-rank`` for a LoRA adapter;
            ``shared`` and ``unique`` for the parts of a vector that was decomposed, which are made from its
            decomposition and never stored.
        source: The checkpoint.
        norm: ‖τ‖₂.
        rules: Rules that its alignment used.
    """

    name: str
    form: Literal["difference", "dense", "low-rank", "shared", "unique"]
    source: SourceDocument
    norm: float
    rules: tuple[RuleDocument, ...] = ()

    @property
    def is_low_rank(self) -> bool:
        """Whether its matrices are kept as thin factors."""
        return self.form in {"low-rank", "shared"}

    @property
    def identity(self) -> str:
        """What its inner products are kept under."""
        return delta_identity(self.source.fingerprint, is_centered=self.form == "difference")


def vector_owner(name: str) -> Owner:
    """Return the owner of a task vector's source."""
    return Owner(f"task vector {name!r}", "remove the vector and add it again")


VECTORS = Kind(
    "vectors", "task vector", VectorDocument, sources=lambda name, document: [(vector_owner(name), document.source)]
)
