"""The T task vectors of a merge as the engine reads them: S forms, and how each vector is mixed from these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taskvec.streaming import AlignedTensor
from taskvec.vectors.alignment import Alignment, Rule, align
from taskvec.vectors.coefficients import coefficient_at
from taskvec.vectors.forms import Form, Source
from taskvec.vectors.task_vector import TaskVector


@dataclass(frozen=True)
class MergeInputs:
    """T task vectors over one base.

    Attributes:
        base: The base.
        vectors: The T vectors, by what they are called in messages; each a combination of forms over that base.
    """

    base: Source
    vectors: tuple[tuple[str, TaskVector], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the T vectors are called."""
        return tuple(name for name, _ in self.vectors)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """The S forms, each once."""
        return tuple(
            dict.fromkeys(form for _, vector in self.vectors for form, weight in vector.terms.items() if weight)
        )

    @cached_property
    def centered(self) -> NDArray[np.bool_]:
        """Whether each form is a fine-tuned model, bool ``(S,)``."""
        return np.array([form.is_centered for form in self.forms], np.bool_)

    @cached_property
    def allow(self) -> frozenset[Rule]:
        """The rules that any of the vectors may use."""
        return frozenset[Rule]().union(*(vector.allow for _, vector in self.vectors))

    @cached_property
    def alignment(self) -> Alignment:
        """Every tensor of the base beside those of the forms."""
        return align(self.base.checkpoint, self.forms, self.allow)

    def tensor(self, name: str) -> AlignedTensor:
        """Return one tensor, aligned over the forms."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, AlignedTensor]:
        return {tensor.name: tensor for tensor in self.alignment.tensors}

    @property
    def identity(self) -> str:
        """What the vectors are, so that equal ones are known as equal."""
        terms = [[(form.identity, repr(weight)) for form, weight in vector.terms.items()] for _, vector in self.vectors]
        return f"{self.base.identity} {terms}"

    def mixing(self, tensor: AlignedTensor) -> NDArray[np.float32]:
        """Return how the vectors are mixed from the forms in one tensor, ``(T, S)``."""
        return self._mixing_at(tensor.name) if self._varies else self._mixing_of_all

    @cached_property
    def _varies(self) -> bool:
        """Whether any coefficient may differ by tensor."""
        return any(
            not isinstance(weight, int | float) for _, vector in self.vectors for weight in vector.terms.values()
        )

    @cached_property
    def _mixing_of_all(self) -> NDArray[np.float32]:
        return self._mixing_at("")

    def _mixing_at(self, tensor: str) -> NDArray[np.float32]:
        rows = [
            [coefficient_at(vector.terms.get(form, 0.0), tensor) for form in self.forms] for _, vector in self.vectors
        ]
        return np.array(rows, np.float32).reshape(len(self.vectors), len(self.forms))
