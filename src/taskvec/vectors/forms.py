"""The forms a task vector can have on disk, each a source that the engine can read in chunks.

A form is identified by content where its content is known (a store knows), else by path and file state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from taskvec.checkpoints import Checkpoint
from taskvec.checkpoints.products import Product, products_of


def file_state(checkpoint: Checkpoint) -> str:
    """Return path, size and times of every file of a checkpoint, and its settings: they change when content may."""
    stats = [(path, path.stat()) for path in checkpoint.files]
    states = [f"{path}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}" for path, stat in stats]
    return "|".join([*states, *(f"{key}={text}" for key, text in checkpoint.settings.items())])


@dataclass(frozen=True)
class Source:
    """A checkpoint and its identity.

    Attributes:
        identity: The content fingerprint, or path and file state where nobody has hashed the content yet.
        checkpoint: The open checkpoint.
        is_hashed: Whether the identity is a content fingerprint.
    """

    identity: str
    checkpoint: Checkpoint = field(compare=False)
    is_hashed: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Source:
        """Identify a checkpoint by path and file state."""
        return cls(file_state(checkpoint), checkpoint)

    def __str__(self) -> str:
        return self.checkpoint.ref


def delta_identity(source_identity: str, *, is_centered: bool) -> str:
    """Return the identity of a delta: the same checkpoint is another delta when it is taken as it is."""
    return source_identity if is_centered else f"dense {source_identity}"


@dataclass(frozen=True)
class Difference:
    """τ = θ_finetuned − θ_base, subtracted as it is read: nothing is stored beside the fine-tuned model itself."""

    source: Source
    is_centered: ClassVar[bool] = True
    is_partial: ClassVar[bool] = False

    @property
    def identity(self) -> str:
        """What its inner products are kept under."""
        return delta_identity(self.source.identity, is_centered=True)


@dataclass(frozen=True)
class Dense:
    """A delta that lies on disk as it is, such as an atom of a basis.

    Attributes:
        source: Where it is.
        is_partial: Whether tensors that it lacks are zero; otherwise a lacking tensor is an error.
    """

    source: Source
    is_partial: bool = False
    is_centered: ClassVar[bool] = False

    @property
    def identity(self) -> str:
        """What its inner products are kept under."""
        return delta_identity(self.source.identity, is_centered=False)


@dataclass(frozen=True)
class LowRank:
    """A delta whose matrices are sums of products of thin factors, such as a LoRA adapter's or a shared component's.

    It keeps the factors: a scaled vector, a sum and a negation are coefficients of forms, and the inner product of two
    costs O((m + n)·r²) for an m × n matrix (`taskvec.vectors.factored_products`). Where whole tensors are needed, they
    are multiplied out piece by piece as they are read. Tensors that it lacks are zero.

    Attributes:
        source: Where the factors are; its checkpoint multiplies them out.
    """

    source: Source
    is_centered: ClassVar[bool] = False
    is_partial: ClassVar[bool] = True

    @property
    def identity(self) -> str:
        """What its inner products are kept under."""
        return delta_identity(self.source.identity, is_centered=False)

    def products(self, tensor: str) -> tuple[Product, ...] | None:
        """Return the products that a tensor is the sum of; () where it is zero, None where it is something else."""
        return products_of(self.source.checkpoint, tensor)


Form = Difference | Dense | LowRank
