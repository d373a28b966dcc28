"""What an expression is over: a store, a basis of one, or checkpoints; and what it is made of there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from taskvec.expressions import Leaf, LinearForm, VectorFunction
from taskvec.streaming import RunOptions, Steps
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

if TYPE_CHECKING:
    from taskvec.merging.combining import KnownProducts


@dataclass(frozen=True)
class Inputs:
    """What one expression is made of.

    Attributes:
        form: The expression; over atoms it merges others than were written.
        vectors: The task vectors of all names in it that do not cancel.
        source_names: Name → what the record says of where a vector comes from.
        missing: What takes the inner products that the expression asked for, and nobody knows yet; the coefficients
            that follow from them are unknown (NaN).
        certificate: The errors, where the vectors come from a basis.
    """

    form: LinearForm
    vectors: Mapping[Leaf, TaskVector]
    source_names: Mapping[str, str]
    missing: tuple[Callable[[], Steps[object]], ...] = ()
    certificate: Mapping[str, Any] | None = None


class Ground(Protocol):
    """Where the names of an expression get their meaning."""

    @property
    def base(self) -> Source:
        """The base of all vectors."""
        ...

    @property
    def options(self) -> RunOptions:
        """The limits of what reads them."""
        ...

    @property
    def names(self) -> Collection[str]:
        """Every ``NAME`` and ``NAME.part`` that there is."""
        ...

    @property
    def functions(self) -> Mapping[str, VectorFunction]:
        """Functions of task vectors that must know more than coefficients."""
        ...

    @property
    def part_remedy(self) -> str:
        """What helps where a vector is known and a part of it is not."""
        ...

    @property
    def products(self) -> KnownProducts | None:
        """Who may know inner products of the vectors, where somebody may."""
        ...

    def inputs(self, form: LinearForm) -> Inputs:
        """Open what an expression is made of; headers alone are read."""
        ...
