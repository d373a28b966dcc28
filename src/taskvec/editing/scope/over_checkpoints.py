"""Expressions over checkpoints without a store; what needs one says so, not that its name is unknown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, NoReturn

from taskvec.editing.scope.ground import Inputs
from taskvec.errors import ExpressionError
from taskvec.expressions import LinearForm, VectorFunction, Weights
from taskvec.expressions.leaves import names_in
from taskvec.streaming import RunOptions
from taskvec.vectors.forms import Source
from taskvec.vectors.task_vector import TaskVector

PART_REMEDY = "parts are those of a store: add its vectors to one (taskvec store init), and decompose them there"
"""What helps where a part of a vector is named."""


def _refused(name: str, why: str, _: Sequence[Weights]) -> NoReturn:
    raise ExpressionError(f"{name} needs {why}, which a store keeps: add the models to one (taskvec store init)")


STORELESS: Mapping[str, VectorFunction] = {
    name: partial(_refused, name, why)
    for name, why in {"orthogonal": "inner products", "shared_once": "a decomposition"}.items()
}
"""The functions of a store, each of which says that it needs one."""


@dataclass(frozen=True)
class OverCheckpoints:
    """Fine-tuned models of one base.

    Attributes:
        base: The base.
        names: The vectors.
        vector: Opens one.
        source_names: Name → what the record says of it.
        options: The limits.
    """

    functions: ClassVar[Mapping[str, VectorFunction]] = STORELESS
    part_remedy: ClassVar[str] = PART_REMEDY
    products: ClassVar[None] = None

    base: Source
    names: Collection[str]
    vector: Callable[[str], TaskVector]
    source_names: Mapping[str, str]
    options: RunOptions = field(default_factory=RunOptions)

    def inputs(self, form: LinearForm) -> Inputs:
        """Open the vectors that are used."""
        return Inputs(form, {leaf: self.vector(str(leaf)) for leaf in names_in(form.used)}, self.source_names)
